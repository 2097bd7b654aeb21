"""What CloudFormation makes of the functions in a template."""

import re
from collections.abc import Mapping
from typing import Any


def resolved(value: Any, names: Mapping[str, Any]) -> Any:
    """Return the value with its functions replaced; `names` holds what `Ref` and `Fn::GetAtt` return."""
    if isinstance(value, list):
        value = [resolved(each, names) for each in value]
    elif isinstance(value, dict):
        value = {key: each if key == "Fn::Sub" else resolved(each, names) for key, each in value.items()}
        match list(value.items()):
            case [("Ref", name)]:
                value = names[name]
            case [("Fn::GetAtt", path)]:
                value = names[".".join(path)]
            case [("Fn::Select", [place, listed])]:
                value = listed[place]
            case [("Fn::Split", [separator, text])]:
                value = text.split(separator)
            case [("Fn::Sub", [text, own])]:
                value = resolved({"Fn::Sub": text}, {**names, **resolved(own, names)})
            case [("Fn::Sub", text)]:
                value = re.sub(r"\$\{([^}]+)\}", lambda found: str(names[found[1]]), text)
    return value
