"""Models that follow a script, so that the cookbook runs offline; all else of an agent is real.

A script is a generator. It is called with the user's request, yields the tool calls that a
model would make, is sent what came of each, and returns the model's last words:

```python
def greet(request: str) -> Script:
    listing = yield call("exec", command="ls")
    return f"Hello! I see {listing}"
```

To go on in the same conversation, it yields words instead, and is sent the next request.
"""

import itertools
import json
from base64 import b64decode
from collections.abc import Callable, Generator, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import agents
    from langchain_core.language_models import BaseChatModel
    from llama_index.core.llms.function_calling import FunctionCallingLLM
    from pydantic_ai.models import Model


class Call(NamedTuple):
    """A tool call that a model makes."""

    name: str
    arguments: dict[str, Any]


class Heard(str):
    """What a model is told: the text of a tool's result or a request, and its pictures."""

    images: tuple[bytes, ...] = ()


Script = Generator[Call | str, Heard, str]


def call(name: str, **arguments: Any) -> Call:
    """A tool call."""
    return Call(name, arguments)


class Mind:
    """A script, and how far a conversation has come in it."""

    def __init__(self, script: Callable[[str], Script]) -> None:
        self._script = script
        self._running: Script | None = None

    def answer(self, heard: Heard) -> Call | str:
        """What the script says next. When it has ended, a request starts it again."""
        try:
            if self._running is None:
                self._running = self._script(heard)
                return next(self._running)
            return self._running.send(heard)
        except StopIteration as end:
            self._running = None
            return str(end.value)


def langchain_model(script: Callable[[str], Script]) -> "BaseChatModel":
    """A chat model of LangChain that follows a script, for one conversation at a time."""
    # Imported here, as everything of the frameworks: who uses one need not pay for both.
    from langchain_core.language_models.fake_chat_models import FakeMessagesListChatModel
    from langchain_core.messages import AIMessage, BaseMessage
    from langchain_core.outputs import ChatGeneration, ChatResult

    mind, ids = Mind(script), itertools.count(1)

    class ScriptedChatModel(FakeMessagesListChatModel):
        def bind_tools(self, tools: Any, **_: Any) -> Any:
            return self

        def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
            says = mind.answer(_heard_by_langchain(messages[-1].content_blocks))
            if isinstance(says, str):
                answer = AIMessage(says)
            else:
                use = {"name": says.name, "args": says.arguments, "id": f"call-{next(ids)}"}
                answer = AIMessage("", tool_calls=[use])
            return ChatResult(generations=[ChatGeneration(message=answer)])

    return ScriptedChatModel(responses=[])


def llama_index_model(script: Callable[[str], Script]) -> "FunctionCallingLLM":
    """An LLM of LlamaIndex that follows a script, for one conversation at a time."""
    from llama_index.core.base.llms.types import ChatMessage, TextBlock, ToolCallBlock
    from llama_index.core.llms.mock import MockFunctionCallingLLM

    mind, ids = Mind(script), itertools.count(1)

    def respond(messages: list[ChatMessage], **_: Any) -> ChatMessage:
        says = mind.answer(_heard_by_llama_index(messages[-1].blocks))
        if isinstance(says, str):
            return ChatMessage(role="assistant", blocks=[TextBlock(text=says)])
        use = ToolCallBlock(
            tool_call_id=f"call-{next(ids)}", tool_name=says.name, tool_kwargs=says.arguments
        )
        return ChatMessage(role="assistant", blocks=[use])

    return MockFunctionCallingLLM(response_generator=respond)


def pydantic_ai_model(script: Callable[[str], Script]) -> "Model":
    """A model of Pydantic AI that follows a script, for one conversation at a time."""
    from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
    from pydantic_ai.models.function import FunctionModel

    mind, ids = Mind(script), itertools.count(1)

    def respond(messages: list[ModelMessage], _: Any) -> ModelResponse:
        says = mind.answer(_heard_by_pydantic_ai(messages[-1].parts[-1]))
        if isinstance(says, str):
            return ModelResponse([TextPart(says)])
        return ModelResponse([ToolCallPart(says.name, says.arguments, f"call-{next(ids)}")])

    return FunctionModel(respond)


def openai_agents_model(script: Callable[[str], Script]) -> "agents.Model":
    """A model of the OpenAI Agents SDK that follows a script, for one conversation at a time."""
    from agents.testing import ScriptedModel, assistant_message, function_call

    mind, ids = Mind(script), itertools.count(1)

    class Scripted(ScriptedModel):
        async def get_response(
            self, system_instructions: str | None, input: Any, *args: Any, **more: Any
        ) -> Any:
            says = mind.answer(_heard_by_openai_agents(input))
            if isinstance(says, str):
                self.enqueue([assistant_message(says)])
            else:
                arguments = json.dumps(says.arguments)
                self.enqueue([function_call(says.name, arguments, call_id=f"call-{next(ids)}")])
            return await super().get_response(system_instructions, input, *args, **more)

    return Scripted()


def _heard_by_langchain(blocks: Iterable[Any]) -> Heard:
    heard = Heard("".join(block["text"] for block in blocks if block["type"] == "text"))
    heard.images = tuple(b64decode(block["base64"]) for block in blocks if block["type"] == "image")
    return heard


def _heard_by_llama_index(blocks: Iterable[Any]) -> Heard:
    heard = Heard("".join(block.text for block in blocks if block.block_type == "text"))
    heard.images = tuple(
        block.resolve_image().read() for block in blocks if block.block_type == "image"
    )
    return heard


def _heard_by_pydantic_ai(part: Any) -> Heard:
    parts = part.content if isinstance(part.content, list) else [part.content]
    heard = Heard("".join(each for each in parts if isinstance(each, str)))
    heard.images = tuple(each.data for each in parts if not isinstance(each, str))
    return heard


def _heard_by_openai_agents(items: Any) -> Heard:
    if isinstance(items, str):
        return Heard(items)
    said = items[-1].get("output") or items[-1].get("content") or ""
    blocks = [said] if isinstance(said, str) else said
    heard = Heard("".join(b if isinstance(b, str) else b.get("text", "") for b in blocks))
    urls = [b["image_url"] for b in blocks if not isinstance(b, str) and b.get("image_url")]
    heard.images = tuple(b64decode(url.partition(",")[2]) for url in urls)
    return heard
