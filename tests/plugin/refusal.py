"""What a command that refuses looks like to the person who typed it."""


def assert_one_sentence(result, code):
    assert result.exit_code == code
    assert result.stdout == ""
    assert result.stderr.startswith("cmr-triage: ")
    assert result.stderr.count("\n") == 1
    assert "Traceback" not in result.stderr
