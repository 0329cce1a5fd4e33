"""What schemathesis has to know about Goshawk that an OpenAPI document cannot say.

Loaded by tests/tests/contract.rs through SCHEMATHESIS_HOOKS.
"""

import re

import schemathesis

# A bad request id is replaced and a bad account header is not read, by the contract: neither is ever
# refused, so neither can be a wrong parameter.
NEVER_REFUSED = {"luna-request-id", "luna-account-id"}

# Failures that stay, each with its reason: (part of the failure's title, operation, reason).
# An operation is "METHOD /path", matched as a regular expression as a whole.
ACCEPTED = []


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """Takes away what is never refused and the account header, which is off by default."""
    components = raw_schema.get("components", {})
    gone = {
        f"#/components/parameters/{name}"
        for name, parameter in components.get("parameters", {}).items()
        if never_refused(parameter)
    }
    for path in raw_schema.get("paths", {}).values():
        for holder in [path, *(value for value in path.values() if isinstance(value, dict))]:
            if "parameters" in holder:
                holder["parameters"] = [
                    parameter
                    for parameter in holder["parameters"]
                    if parameter.get("$ref") not in gone and not never_refused(parameter)
                ]
            if "security" in holder:
                holder["security"] = [one for one in holder["security"] if "LunaAccountIdAuth" not in one]
    components.get("securitySchemes", {}).pop("LunaAccountIdAuth", None)


def never_refused(parameter):
    return parameter.get("in") == "header" and parameter.get("name", "").lower() in NEVER_REFUSED


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """False for a failure that stays with a reason."""
    operation = f"{case.method} {case.path}"
    return not any(
        title in failure.title and re.fullmatch(where, operation) for title, where, _reason in ACCEPTED
    )
