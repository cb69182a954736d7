"""Which intervals of unlabelled video a person should label next."""
