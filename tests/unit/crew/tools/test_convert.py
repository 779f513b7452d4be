from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import BaseModel, Field, ValidationError

from crewgraph.crew import Agent, Task
from crewgraph.crew.tools.convert import BaseTool, as_tool, tool
from crewgraph.crew.tools.mcp import MCPServer
from crewgraph.errors import ToolError
from tests.unit.crew.doubles import crew


class Search(BaseModel):
    query: str = Field(description="what for")
    limit: int = 3


class Finder(BaseTool):
    name: str = "Finder"
    description: str = "Finds things."
    args_schema: type[BaseModel] = Search
    prefix: str = ""

    def _run(self, query: str, limit: int) -> list[str]:
        return [f"{self.prefix}{query} {number}" for number in range(limit)]


class Waiter(BaseTool):
    name: str = "wait"

    async def _run(self, seconds: float) -> str:
        """Wait a little.

        Args:
            seconds: how long
        """
        return f"{seconds}, {threading.current_thread().name}"


class Both(BaseTool):
    name: str = "both"

    def _run(self, x: int) -> str:
        return "sync"

    async def _arun(self, x: int) -> str:
        return "async"


def double(x: int) -> int:
    """Double a number."""
    return 2 * x


# ---- the decorator -----------------------------------------------------------------------------------------------


def test_bare() -> None:
    """@tool alone takes name and description from the function, and leaves it callable."""
    made = tool(double)
    assert (made.name, made.description, made(4), made.run(x="4")) == ("double", "Double a number.", 8, 8)
    assert repr(made) == str(made) == "FunctionTool('double')"


def test_named() -> None:
    """@tool("…") and @tool(name=…) give another name."""
    assert tool("Doubles numbers")(double).name == tool(name="Doubles numbers")(double).name == "Doubles numbers"


def test_options() -> None:
    """The other attributes are given by keyword."""
    made = tool("d", description="Twice.", result_as_answer=True, timeout=2, max_usage_count=1)(double)
    assert (made.description, made.result_as_answer, made.timeout, made.max_usage_count) == ("Twice.", True, 2, 1)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: tool(7), "a tool is made of a function, not of 7. hint: @tool above def"),
        (lambda: tool(Search), "not of <class"),
        (lambda: tool(classmethod(double)), "not of <classmethod"),
        (lambda: tool(tool(double)), "tool 'double' is a tool already. hint: put it into tools="),
        (lambda: tool("a", name="b"), "two names: 'a' and 'b'"),
        (lambda: tool(double, timeout=3), "@tool takes a function alone, or options alone"),
        (lambda: tool(double, name="b"), r"hint: @tool\('b', …\)"),
        (lambda: tool(" ")(double), "a FunctionTool has no name"),
        (lambda: tool(lambda: (yield)), "tool 'lambda' is a generator function. hint: return a list"),
        (lambda: BaseTool(name="nothing"), r"tool 'nothing' does nothing. hint: give BaseTool a method def _run"),
    ],
    ids=["number", "class", "classmethod", "tool", "names", "mixed", "mixed name", "blank", "generator", "empty"],
)
def test_not_a_tool(make: Any, told: str) -> None:
    """What cannot be a tool is refused where it is made."""
    with pytest.raises(ToolError, match=told):
        make()


@pytest.mark.parametrize(
    "options", [{"timeout": 0}, {"max_usage_count": 0}, {"max_result_length": 0}, {"timeout": float("inf")}, {"x": 1}]
)
def test_options_out_of_range(options: dict[str, Any]) -> None:
    """Limits are positive and finite, and unknown attributes are named."""
    with pytest.raises(ValidationError, match=next(iter(options))):
        tool(**options)(double)


# ---- methods -----------------------------------------------------------------------------------------------------


class Shop:
    def __init__(self, stock: int) -> None:
        self.stock = stock

    @tool
    def left(self, of: str) -> str:
        """What is left."""
        return f"{self.stock} {of}"


def test_method() -> None:
    """A method that is made a tool in its class is bound to the object it is taken from."""
    shop = Shop(3)
    assert [*shop.left.tool_parameters()["properties"]] == ["of"]
    assert shop.left.run(of="tea") == "3 tea"
    assert shop.left.tool_key() == shop.left.tool_key() != Shop(3).left.tool_key()


def test_method_without_object() -> None:
    """Taken from the class it has no object, and an agent refuses it."""
    with pytest.raises(ValidationError, match=r"'left' is a method without its object. hint: Shop\(…\).left"):
        Agent(role="Clerk", tools=[Shop.left])


class Holder:
    double = tool(double)


def test_function_in_a_class() -> None:
    """A function of its own stays what it is when it is an attribute of a class."""
    assert Holder().double is Holder.double


# ---- BaseTool ----------------------------------------------------------------------------------------------------


def test_subclass() -> None:
    """A subclass has fields, a schema and _run; defaults of the schema are handed to it."""
    finder = Finder(prefix="~")
    assert finder.tool_parameters()["properties"]["query"] == {"type": "string", "description": "what for"}
    assert finder.run(query="a") == ["~a 0", "~a 1", "~a 2"]


def test_subclass_without_schema() -> None:
    """Without args_schema the signature of _run says what it takes, and its docstring what it does."""
    waiter = Waiter()
    assert waiter.description == "Wait a little."
    assert waiter.args_schema.model_fields["seconds"].description == "how long"
    assert waiter.run(seconds=1) == "1.0, MainThread"


def test_subclass_without_words() -> None:
    """A _run without a docstring has no description; that of BaseTool itself is nobody's."""

    class Quiet(BaseTool):
        name: str = "quiet"

        def _run(self) -> None: ...

    assert Quiet().description == ""


def test_two_of_a_kind() -> None:
    """Two objects of one class are two tools: they may be set up differently."""
    one, two = Finder(prefix="a"), Finder(prefix="b")
    assert one.tool_key() == one.tool_key() != two.tool_key()


@pytest.mark.anyio
async def test_nothing_above() -> None:
    """A subclass that asks its base class to do the work hears that there is nobody."""
    with pytest.raises(NotImplementedError):
        BaseTool._run(Finder())
    with pytest.raises(NotImplementedError):
        await BaseTool._arun(Finder())


def test_async_first() -> None:
    """A subclass with both is called by _arun."""
    assert Both().run(x=1) == "async"


def test_by_hand() -> None:
    """Called by hand with arguments that do not fit, the error names the tool and the arguments."""
    with pytest.raises(ToolError, match=r"tool 'Finder': the arguments do not fit[^-]*- query: Field required"):
        Finder().run(limit=2)


def test_by_position() -> None:
    """Called by hand, values without a name are taken in the order of the schema."""
    assert Finder().run("a", 1) == Finder().run("a", limit=1) == ["a 0"]
    with pytest.raises(ToolError, match="tool 'Finder' takes query, limit, not 3 values"):
        Finder().run("a", 1, 2)
    with pytest.raises(ToolError, match="tool 'wait' is given 'seconds' twice, by position and by name"):
        Waiter().run(1, seconds=2)


def test_any_name() -> None:
    """A parameter may have the name of one of ours."""

    def odd(self: int, function: int) -> tuple[int, int]:
        return self, function

    made = tool(odd)
    assert made.run(self=1, function=2) == made(self=1, function=2) == (1, 2)


def test_definitions_keep_still() -> None:
    """Becoming part of an agent and a task changes nothing of a tool."""
    finder = Finder()
    before = dict(finder.__dict__)
    agent = Agent(role="Clerk", tools=[finder])
    assert agent.tools[0] is finder
    assert Task(description="a", tools=agent.tools).tools == [finder]
    assert finder.__dict__ == before


def test_part_of_a_model() -> None:
    """A tool may be a field of the user's own models."""

    class Kit(BaseModel):
        one: BaseTool

    finder = Finder()
    assert Kit(one=finder).one is finder


@pytest.mark.anyio
async def test_threads() -> None:
    """Functions run in a worker thread, async ones in the event loop."""

    def here() -> int:
        return threading.get_ident()

    async def there() -> int:
        return threading.get_ident()

    assert await tool(here).arun() != threading.get_ident()
    assert await tool(there).arun() == threading.get_ident()


@pytest.mark.anyio
async def test_run_in_a_loop() -> None:
    """Where an event loop runs, run() is to be awaited."""
    assert await tool(double).run(x=2) == 4


# ---- what can be a tool ------------------------------------------------------------------------------------------


def test_all_kinds() -> None:
    """Tools, functions, crews, pipelines, servers and foreign tools stand side by side."""
    inner = crew(Task(description="a"), name="inner")
    server = MCPServer(command="files")
    tools = Agent(role="Clerk", tools=(Finder(), double, inner, inner >> inner, server, Foreign())).tools
    kinds = ["Finder", "FunctionTool", "NodeTool", "NodeTool", "MCPServer", "ForeignTool"]
    assert [type(each).__name__ for each in tools] == kinds


@pytest.mark.parametrize(
    ("tools", "told"),
    [
        ("double", r"tools is a list, not str. hint: tools=\["),
        (double, "tools is a list, not function"),
        ({"a": double}, "tools is a list, not dict"),
        (tool(double), r"tools is a list, not FunctionTool. hint: tools=\["),
        (MCPServer(command="files"), "tools is a list, not MCPServer"),
        (crew(Task(description="a")), "tools is a list, not Crew"),
        ([Finder], r"Finder is a class, not a tool. hint: Finder\(…\)"),
        (["double"], "'double' is no tool. hint: a function, @tool, a BaseTool, a crew"),
        ([None], "None is no tool"),
    ],
    ids=["text", "function", "dict", "tool", "server", "crew", "class", "name", "none"],
)
def test_no_tools(tools: Any, told: str) -> None:
    """Whatever is no tool is refused with what would be one."""
    with pytest.raises(ValidationError, match=told):
        Task(description="a", tools=tools)


def test_one_function_is_one_tool() -> None:
    """A function that two agents are given is one tool; under another name it is another."""
    one, two = (Agent(role="Clerk", tools=[double]).tools[0] for _ in range(2))
    assert as_tool(one).tool_key() == as_tool(two).tool_key() != tool("x")(double).tool_key()  # type: ignore[union-attr]


def test_unhashable_function() -> None:
    """An object without a hash is one tool however often it is wrapped."""

    class Odd:
        __hash__ = None  # type: ignore[assignment]

        def __call__(self) -> None: ...

    odd = Odd()
    assert tool(odd).tool_key() == tool(odd).tool_key() != tool(Odd()).tool_key()


# ---- tools of other libraries ------------------------------------------------------------------------------------


class Foreign:
    """As crewAI's tools are: arguments by name."""

    name = "lookup"
    description = "Looks things up."
    args_schema = Search
    result_as_answer = True
    max_usage_count = 2

    def cache_function(self, _arguments: Any, _result: Any) -> bool:
        return False

    def _run(self, query: str, limit: int) -> str:
        return f"{query} {limit}"


class Invoked:
    """As LangChain's tools are: arguments as one dict."""

    name = "lookup"
    description = "Looks things up."
    args_schema: Any = Search
    return_direct = True
    coroutine: Any = None

    def invoke(self, arguments: Mapping[str, Any]) -> str:
        return f"invoked {arguments['query']} in {threading.get_ident()}"

    async def ainvoke(self, arguments: Mapping[str, Any]) -> str:
        return f"ainvoked {arguments['query']}"


class OldModel:
    """A model of pydantic's first version."""

    @classmethod
    def schema(cls) -> dict[str, Any]:
        return {"properties": {"query": {"type": "string"}}, "required": ["query"]}


def test_by_name() -> None:
    """A foreign tool with _run is called by name, and keeps the settings that mean the same here."""
    made = as_tool(Foreign())
    assert isinstance(made, BaseTool)
    assert (made.name, made.description, made.result_as_answer, made.max_usage_count) == (
        "lookup", "Looks things up.", True, 2,
    )  # fmt: skip
    assert made.cache_function is not None
    assert made.run(query="a") == "a 3"
    assert made.tool_key() == made.tool_key()


def test_invoked() -> None:
    """A foreign tool with invoke is given one dict, in a worker thread."""
    made = as_tool(Invoked())
    assert isinstance(made, BaseTool)
    assert made.result_as_answer
    said = made.run(query="a")
    assert said.startswith("invoked a")
    assert str(threading.get_ident()) not in said


def test_invoked_async() -> None:
    """One that has a coroutine is awaited."""
    origin = Invoked()
    origin.coroutine = origin.ainvoke
    made = as_tool(origin)
    assert isinstance(made, BaseTool)
    assert made.run(query="a") == "ainvoked a"


@pytest.mark.parametrize(
    "schema", [{"properties": {"query": {"type": "string"}}, "required": ["query"]}, OldModel], ids=["dict", "old"]
)
def test_raw_schema(schema: Any) -> None:
    """A schema that is no pydantic model is told as it is, and the tool checks its arguments itself."""
    origin = Invoked()
    origin.args_schema = schema
    made = as_tool(origin)
    assert isinstance(made, BaseTool)
    assert made.tool_parameters() == {
        "type": "object",
        "properties": {"query": {"type": "string"}},
        "required": ["query"],
    }
    assert made.tool_arguments('{"query": "b"}').key == '{"query": "b"}'
    assert made.run(query="a").startswith("invoked a")


def test_only_properties() -> None:
    """One that only lists its properties needs all of them."""

    class Listed:
        name = "lookup"
        description = "Looks things up."
        args = {"q": {"type": "string"}}  # noqa: RUF012 - as theirs

        def run(self, q: str) -> str:
            return q

    made = as_tool(Listed())
    assert isinstance(made, BaseTool)
    assert made.tool_parameters()["required"] == ["q"]
    assert made.run(q="a") == "a"


@pytest.mark.parametrize("schema", [None, int], ids=["none", "no model"])
def test_only_a_function(schema: Any) -> None:
    """Without any schema the signature of its method says what it takes."""

    class Bare:
        name = "lookup"
        description = "Looks things up."
        args_schema = schema

        def func(self, q: str, n: int = 2) -> str:
            return q * n

    made = as_tool(Bare())
    assert isinstance(made, BaseTool)
    assert made.tool_parameters()["required"] == ["q"]
    assert made.run(q="a") == "aa"


def test_values_without_json() -> None:
    """Arguments of a raw tool that have no JSON have no key."""
    origin = Invoked()
    origin.args_schema = {}
    made = as_tool(origin)
    assert made._by_hand({"query": object()}).key is None  # type: ignore[union-attr]
