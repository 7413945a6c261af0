"""Between files and models: a model's folder, and the drawn rows that the contract's rules let through."""
