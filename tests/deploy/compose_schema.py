"""The part of the Compose Specification that compose.yaml uses, as a schema: a key that is new is thought about."""

from __future__ import annotations

from typing import Any

TEXTS: dict[str, Any] = {"type": "array", "items": {"type": "string"}}
COMMAND: dict[str, Any] = {"type": ["array", "string"], "items": {"type": "string"}}
SERVICE: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["image", "profiles", "networks", "deploy"],
    "properties": {
        "image": {"type": "string", "pattern": r"^[a-z/]+:v?\d[\w.]*$"},
        "build": {"type": "object", "required": ["context", "dockerfile"]},
        "profiles": {**TEXTS, "items": {"enum": ["embedded", "distributed", "monitoring", "by-hand"]}},
        "entrypoint": COMMAND,
        "command": COMMAND,
        "user": {"type": "string", "pattern": r"^\d+:\d+$"},
        "init": {"type": "boolean"},
        "read_only": {"type": "boolean"},
        "restart": {"enum": ["no", "unless-stopped"]},
        "cap_drop": {"const": ["ALL"]},
        "security_opt": {"const": ["no-new-privileges:true"]},
        "stop_grace_period": {"type": "string", "pattern": r"^\d+s$"},
        "environment": {"type": "object", "additionalProperties": {"type": "string"}},
        "healthcheck": {
            "type": "object",
            "additionalProperties": False,
            "required": ["test", "interval", "timeout", "start_period", "retries"],
            "properties": {
                "test": {"type": "array", "prefixItems": [{"enum": ["CMD", "CMD-SHELL"]}], "items": {"type": "string"}},
                "retries": {"type": "integer"},
                **{key: {"type": "string", "pattern": r"^\d+s$"} for key in ("interval", "timeout", "start_period")},
            },
        },
        "depends_on": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "required": ["condition"],
                "properties": {"condition": {"enum": ["service_healthy", "service_completed_successfully"]}},
            },
        },
        "ports": {**TEXTS, "items": {"type": "string", "pattern": r"^127\.0\.0\.1:\d+:\d+$"}},
        "networks": {**TEXTS, "items": {"enum": ["inside", "front", "outside"]}},
        "secrets": TEXTS,
        "configs": {
            "type": "array",
            "items": {"type": "object", "required": ["source", "target"], "additionalProperties": {"type": "string"}},
        },
        "volumes": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["type", "source", "target"],
                "additionalProperties": False,
                "properties": {
                    "type": {"enum": ["bind", "volume"]},
                    "source": {"type": "string"},
                    "target": {"type": "string", "pattern": "^/"},
                    "read_only": {"const": True},
                },
            },
        },
        "tmpfs": {**TEXTS, "items": {"type": "string", "pattern": r"^/[\w/]+:size=\d+m,.*mode=\d{4}$"}},
        "logging": {"type": "object", "required": ["driver", "options"]},
        "deploy": {
            "type": "object",
            "additionalProperties": False,
            "required": ["resources"],
            "properties": {
                "resources": {
                    "type": "object",
                    "required": ["limits"],
                    "properties": {
                        "limits": {
                            "type": "object",
                            "additionalProperties": False,
                            "required": ["cpus", "memory", "pids"],
                            "properties": {
                                "cpus": {"type": "string"},
                                "memory": {"type": "string", "pattern": r"^\d+[mg]$"},
                                "pids": {"type": "integer"},
                            },
                        }
                    },
                }
            },
        },
    },
}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "patternProperties": {"^x-": {}},
    "properties": {
        "name": {"type": "string"},
        "services": {"type": "object", "additionalProperties": SERVICE},
        "networks": {"type": "object"},
        "volumes": {"type": "object", "additionalProperties": {"const": {}}},
        "configs": {"type": "object", "additionalProperties": {"type": "object", "required": ["file"]}},
        "secrets": {"type": "object", "additionalProperties": {"type": "object", "required": ["file"]}},
    },
}
