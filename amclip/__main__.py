"""``python -m amclip`` is ``amclip``."""

from amclip.cli import main

if __name__ == "__main__":
    main()
