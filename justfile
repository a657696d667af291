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

# What pipe and HTTP add to decoding; it judges nothing.
bench folder="resources/spark_nano/onnx-int4" *arguments="":
    {{python}} -m tests.bench.http_overhead {{folder}} {{arguments}}
