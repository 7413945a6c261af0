"""How data is held to a contract: a part by itself, rule by rule, and its repeats over all parts in bounded memory."""
