"""Which stretches of unlabelled video a person should label next."""
