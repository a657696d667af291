# Short names for daily work; README.md has the two commands that matter.

python := ".venv/bin/python"

# Set Spark up and start it.
run *arguments:
    python3 installer/bootstrap.py run {{arguments}}

# Every check; arguments go to pytest.
test *arguments:
    python3 installer/bootstrap.py test --quick {{arguments}}

# The checks that run no tests.
lint:
    {{python}} -m ruff check .
    {{python}} -m ruff format --check .
    {{python}} -m mypy
    .venv/bin/lint-imports

# Put the sources into shape.
fmt:
    {{python}} -m ruff check --fix .
    {{python}} -m ruff format .

# Draw every page in light and dark at scale 1 and 2 into docs/screenshots, with sample data.
screenshots *arguments:
    {{python}} -m tests.gui.screenshots {{arguments}}

# How fast models run here, beside other engines; `just bench --help` has the options.
bench *arguments:
    {{python}} -m spark_engine bench {{arguments}}
