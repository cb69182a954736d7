"""The page a person opens after annotating: it plays, corrects, and gives labels back to train on."""
