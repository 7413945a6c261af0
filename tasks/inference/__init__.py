"""What a draft of a contract is inferred from: how a text is written, one pass over it, and the columns drafted."""
