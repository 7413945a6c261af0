"""A task does one step: it reads, calls a library or a model, writes an artefact, and returns a reference."""
