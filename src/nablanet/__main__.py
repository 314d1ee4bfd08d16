"""`python -m nablanet` is the `nablanet` command."""

from nablanet.cli import main

if __name__ == "__main__":
    main()
