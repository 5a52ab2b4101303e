# Every recipe is a plain command that also works without just. Run inside the virtual environment of README.md.

# What must pass before a change is committed.
check: lint types test

# Style and mistakes: ruff, all rules.
lint:
    ruff check
    ruff format --check

# mypy --strict over the run time, the plugin, the tests and the examples, with the plugin switched on.
types:
    python -m mypy

# The whole suite; arguments go to pytest: `just test tests/cli -k explain`.
test *arguments:
    python -m pytest {{arguments}}

# Repair what ruff can repair by itself.
fix:
    ruff check --fix
    ruff format

# The suite against the built wheel, on every supported Python that is there.
pythons *arguments:
    nox {{arguments}}

# Every figure beside its bound, in one run; fails where one is missed. Each alone: `python -m bench.execute`.
bench *rounds:
    python -m bench {{rounds}}

# Fuzz what reads the child's answers, for so many seconds; needs `pip install --group fuzz`. `just fuzz 600 --keep`.
fuzz *arguments:
    python tests/fuzz/fuzz.py {{arguments}}

# The next release's notes, put together from changelog.d/.
changelog:
    towncrier build --draft

# Build the wheel and the source distribution into dist/.
wheel:
    python -m hatchling build
