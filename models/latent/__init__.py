"""The parts of the variational autoencoder: networks, prior, and how they are learned."""
