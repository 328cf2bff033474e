"""Texts of policies for tests."""

HEAD = 'format = 1\nname = "test"\nversion = "1"\n'


def rule(name="a", level="URGENT", when='{ text = "chest_pain" }', source="A guideline 2024"):
    return f'[[rule]]\nname = "{name}"\nlevel = "{level}"\nwhen = [{when}]\nsource = "{source}"\n'


def group(name, when):
    return f'[[group]]\nname = "{name}"\nwhen = [{when}]\n'


def lvef(side="at_or_below", threshold=35, unit="%", **more):
    extra = "".join(f", {key} = {str(value).lower()}" for key, value in more.items())
    return (
        f'{{ measurement = "lv_ejection_fraction", {side} = {threshold}, unit = "{unit}"{extra} }}'
    )


def policy_text(*entries):
    return HEAD + "\n".join(entries)
