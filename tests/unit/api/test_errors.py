"""Errors on the wire: the shape, the path of the field at fault, and nothing of the input."""

import json
from typing import Any

import pytest

from spark_engine.api.errors import TooLarge, error_json, field_path, invalid_request
from spark_engine.errors import Conflict, InvalidRequest, NotAllowed, NotFound, SparkError, Unavailable


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (InvalidRequest("c", "T", "M", "R", param="p"), "invalid_request_error"),
        (TooLarge("c", "T", "M", "R", param="p"), "invalid_request_error"),
        (NotAllowed("c", "T", "M", "R", param="p"), "permission_error"),
        (NotFound("c", "T", "M", "R", param="p"), "not_found_error"),
        (Conflict("c", "T", "M", "R", param="p"), "conflict_error"),
        (Unavailable("c", "T", "M", "R", param="p"), "server_error"),
        (SparkError("c", "T", "M", "R", param="p"), "server_error"),
    ],
)
def test_every_error_has_the_same_shape(error: SparkError, kind: str) -> None:
    told = json.loads(error_json(error))["error"]
    assert told == {"message": "M", "type": kind, "param": "p", "code": "c", "title": "T", "remedy": "R"}


def test_an_error_without_a_message_says_its_title() -> None:
    assert json.loads(error_json(NotFound("c", "Title", "")))["error"]["message"] == "Title"


@pytest.mark.parametrize(
    ("loc", "body", "missing", "path"),
    [
        (("body",), {}, False, ""),
        (("body", "model"), {}, True, "model"),
        (("body", "messages", 0, "content"), {"messages": [{"content": 5}]}, False, "messages[0].content"),
        (("body", "messages", 0, "role"), {"messages": [{}]}, True, "messages[0].role"),
        (("body", "stop", "list", 1), {"stop": ["a", ""]}, False, "stop[1]"),
        (("body", "prompt", "token lists", 0, 1), {"prompt": [[1, "x"]]}, False, "prompt[0][1]"),
        (("body", "logit_bias", "5"), {"logit_bias": {"5": 101}}, False, "logit_bias.5"),
    ],
)
def test_the_path_leads_to_the_field(loc: Any, body: Any, missing: bool, path: str) -> None:
    assert field_path(loc, body, missing=missing) == path


def test_sentences_name_the_field_and_the_demand() -> None:
    fault = {
        "type": "less_than_equal",
        "loc": ("body", "top_p"),
        "msg": "Input should be less than or equal to 1",
        "ctx": {"le": 1.0},
    }
    error = invalid_request([fault], {"top_p": 2})
    assert error.message == "top_p must be at most 1."
    own = {"type": "value_error", "loc": ("body", "messages", 0), "msg": "Value error, needs content"}
    assert invalid_request([own], {"messages": [{}]}).message == "messages[0] needs content."
    absent = {"type": "missing", "loc": ("body",), "msg": "Field required"}
    assert invalid_request([absent], None).message == "The body is required."
