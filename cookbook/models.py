"""Which model an agent of the cookbook gets: a real one when you have a key, else a script.

`ANTHROPIC_API_KEY` or `OPENAI_API_KEY` in the environment choose a real model; its packages are
in the dependency group `models` (`uv run --group models ...`).
"""

import os
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from scripted import (
    Script,
    langchain_model,
    llama_index_model,
    openai_agents_model,
    pydantic_ai_model,
)

if TYPE_CHECKING:
    import agents
    from langchain_core.language_models import BaseChatModel
    from llama_index.core.llms.function_calling import FunctionCallingLLM
    from pydantic_ai.models import Model

SCRIPTED = "scripted"

# By the variable that has its key: a model, as LangChain names it.
DEFAULTS = {
    "ANTHROPIC_API_KEY": "anthropic:claude-sonnet-4-5",
    "OPENAI_API_KEY": "openai:gpt-5.1",
}

# By provider: the class of LlamaIndex, and what it needs besides the name of the model. The one of
# Anthropic would cut answers at 512 tokens; OpenAI's older interface would drop pictures.
CLASSES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "anthropic": ("llama_index.llms.anthropic", "Anthropic", {"max_tokens": 8192}),
    "openai": ("llama_index.llms.openai", "OpenAIResponses", {}),
}


class NoModelError(Exception):
    """The model that was asked for cannot be had; the message says why."""


def choose() -> str:
    """The model that the environment asks for, such as `openai:gpt-5.1`, or `scripted`."""
    return next((model for key, model in DEFAULTS.items() if os.environ.get(key)), SCRIPTED)


def chat_model(script: Callable[[str], Script], model: str | None = None) -> "BaseChatModel":
    """A model for a LangChain agent.

    Raises:
        NoModelError: It is unknown, or its package is missing.
    """
    model = model or choose()
    if model == SCRIPTED:
        return langchain_model(script)
    from langchain.chat_models import init_chat_model

    _class_of(model)
    made: BaseChatModel = _made(model, lambda: init_chat_model(model))
    return made


def llm(script: Callable[[str], Script], model: str | None = None) -> "FunctionCallingLLM":
    """A model for a LlamaIndex agent.

    Raises:
        NoModelError: It is unknown, or its package is missing.
    """
    model = model or choose()
    if model == SCRIPTED:
        return llama_index_model(script)
    module, kind, options = _class_of(model)
    _, _, name = model.partition(":")
    made: FunctionCallingLLM = _made(
        model, lambda: getattr(import_module(module), kind)(model=name, **options)
    )
    return made


def model_of_pydantic_ai(script: Callable[[str], Script], model: str | None = None) -> "Model":
    """A model for an agent of Pydantic AI: one of OpenAI, or else the script.

    For those of Anthropic it wants `anthropic` 1, with which LlamaIndex's package does not work.

    Raises:
        NoModelError: Its package is missing.
    """
    model = model or choose()
    if not model.startswith("openai:"):
        return pydantic_ai_model(script)
    from pydantic_ai.models import infer_model

    made: Model = _made(model, lambda: infer_model(model))
    return made


def model_of_openai_agents(
    script: Callable[[str], Script], model: str | None = None
) -> "agents.Model | str":
    """A model for an agent of the OpenAI Agents SDK: one of OpenAI, or else the script."""
    provider, _, name = (model or choose()).partition(":")
    return name if provider == "openai" else openai_agents_model(script)


def _class_of(model: str) -> tuple[str, str, dict[str, Any]]:
    provider, _, name = model.partition(":")
    if provider not in CLASSES or not name:
        known = " or ".join(f"{provider}:NAME" for provider in CLASSES)
        raise NoModelError(f"{model!r} is no model that the cookbook knows; write {known}.")
    return CLASSES[provider]


def _made(model: str, make: Callable[[], Any]) -> Any:
    try:
        return make()
    except ImportError as error:
        raise NoModelError(
            f"{model} needs a package that is not installed ({error.name or error}): use "
            "`uv run --group models ...`. Without a key, the cookbook runs offline."
        ) from error
