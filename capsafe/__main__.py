"""``python -m capsafe``: the command ``capsafe`` where its script is not on PATH."""

from capsafe.cli import main

if __name__ == "__main__":
    main()
