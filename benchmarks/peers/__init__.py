"""Other systems, each a module that runs in an environment of its own: see `benchmarks.peers.harness`."""
