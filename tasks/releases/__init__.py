"""What a release is on disk: layout, manifest, signature, and how one is compared with the one before it."""
