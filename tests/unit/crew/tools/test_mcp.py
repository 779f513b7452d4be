from __future__ import annotations

import io
import os
import shutil
import socket
import subprocess
import sys
import types
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from mcp import MCPError
from mcp_types import BlobResourceContents, EmbeddedResource, ResourceLink, TextContent, TextResourceContents
from pydantic import ValidationError

from crewgraph.crew import Agent, Crew, MCPServer, Task, mcp_tools
from crewgraph.crew.toolbox import Toolbox
from crewgraph.crew.tools import mcp as border
from crewgraph.crew.tools.contract import BaseTool
from crewgraph.crew.tools.shed import ToolShed
from crewgraph.errors import ToolError
from crewgraph.llm import OfflineLLM, Request, ToolCall
from crewgraph.trace import Event, ToolCallFailed, ToolCallFinished
from tests.unit.crew import mcp_shop
from tests.unit.crew.doubles import listening

pytestmark = pytest.mark.anyio

SHOP = str(Path(mcp_shop.__file__))
PROGRAM: dict[str, Any] = {"command": sys.executable, "args": [SHOP], "name": "shop"}
HERE: dict[str, Any] = {"server": mcp_shop.server}


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def by_name(tools: list[BaseTool]) -> dict[str, BaseTool]:
    return {each.name: each for each in tools}


def agent_with(*tools: Any, call: str, arguments: str = "{}", text: str = "done") -> Crew:
    """A crew whose model calls one tool and then answers."""

    def answer(request: Request) -> Any:
        return text if request.messages[-1].role == "tool" else ToolCall("1", call, arguments)

    agent = Agent(role="Clerk", tools=list(tools), llm=OfflineLLM(answer=answer))
    return Crew(agents=[agent], tasks=[Task(description="Go")])


# ---- a program ---------------------------------------------------------------------------------------------------


async def test_program() -> None:
    """A program is started, tells its tools, answers, and is gone afterwards."""
    async with mcp_tools(**PROGRAM, env={"SHOP_KEY": "k1"}) as tools:
        tool = by_name(tools)
        assert tool["add"].description == "Add two numbers."
        assert tool["add"].tool_parameters()["required"] == ["a"]
        assert await tool["add"].arun(a=2, b=3) == "5"
        assert await tool["variable"].arun(name="SHOP_KEY") == "k1"
        pid = int(await tool["pid"].arun())
        assert is_alive(pid)
    assert not is_alive(pid)


async def test_secrets_stay_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program does not see the environment of this process, where keys may be."""
    monkeypatch.setenv("SECRET_KEY", "s3cret")
    async with mcp_tools(**PROGRAM) as tools:
        assert await by_name(tools)["variable"].arun(name="SECRET_KEY") == "nothing"


async def test_dies_in_mid_call() -> None:
    """A program that dies fails the call and those after it with an error that says so, and nothing else."""
    async with mcp_tools(**PROGRAM) as tools:
        tool = by_name(tools)
        with pytest.raises(ToolError, match="MCP server 'shop', tool 'die': MCPError: Connection closed"):
            await tool["die"].arun()
        with pytest.raises(ToolError, match="MCP server 'shop' is not connected any more"):
            await tool["add"].arun(a=1)


async def test_cancelled_call() -> None:
    """A call that is cancelled leaves the connection as it is."""
    async with mcp_tools(**PROGRAM) as tools:
        with anyio.move_on_after(0.05) as scope:
            await by_name(tools)["wait"].arun()
        assert scope.cancelled_caught
        assert await by_name(tools)["add"].arun(a=1) == "2"


async def test_cancelled_with_everything() -> None:
    """Where all around it is cancelled the program is gone, too."""
    pid = 0
    with anyio.CancelScope() as scope:
        async with mcp_tools(**PROGRAM) as tools:
            pid = int(await by_name(tools)["pid"].arun())
            scope.cancel()
            await anyio.lowlevel.checkpoint()
    assert scope.cancelled_caught
    assert not is_alive(pid)


async def test_for_a_run() -> None:
    """In an agent a program is started for the run of the crew, once for all its tasks, and gone with it."""
    seen = list[Event]()
    server = MCPServer(**PROGRAM)
    one = agent_with(server, call="pid")
    crew = one.model_copy(update={"tasks": [Task(description="a"), Task(description="b", agent=one.agents[0])]})
    with listening(seen):
        assert (await crew.kickoff_async()).raw == "done"
    pids = [each.result for each in seen if isinstance(each, ToolCallFinished)]
    assert len(pids) == 2
    assert len(set(pids)) == 1
    assert not is_alive(int(pids[0]))


async def test_anew_after_death() -> None:
    """A server that died is started anew for the next task."""
    server = MCPServer(**PROGRAM)
    dying = agent_with(server, call="die").agents[0]
    adding = agent_with(server, call="add", arguments='{"a": 1}').agents[0]
    seen = list[Event]()
    tasks = [Task(description="a", agent=dying), Task(description="b", agent=adding)]
    with listening(seen):
        assert (await Crew(agents=[dying, adding], tasks=tasks).kickoff_async()).raw == "done"
    assert [each.error for each in seen if isinstance(each, ToolCallFailed)] == [
        "ToolError: MCP server 'shop', tool 'die': MCPError: Connection closed"
    ]
    assert [each.result for each in seen if isinstance(each, ToolCallFinished)] == ["2"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"command": "/nowhere/files"}, "MCP server 'files' cannot be used: FileNotFoundError: "),
        (
            {"command": "nowhere serve.py --all"},
            r"FileNotFoundError: .*\. hint: .*: MCPServer\(command='nowhere', args=\['serve.py', '--all'\]\)",
        ),
        ({"command": sys.executable, "args": ["-c", "pass"], "name": "x"}, "'x' cannot be used: MCPError: Connection"),
        (
            {"command": sys.executable, "args": ["-c", "input(); input()"], "connect_timeout": 0.05, "name": "x"},
            "'x' cannot be used: TimeoutError: no answer within 0.05 s",
        ),
        (
            {**PROGRAM, "include": ["add", "nope"]},
            "MCP server 'shop' has no tool 'nope', which include= or exclude= names. There is: add, die, fail",
        ),
    ],
    ids=["missing", "with arguments", "ends", "silent", "filter"],
)
async def test_cannot_be_used(options: dict[str, Any], told: str) -> None:
    """A server that cannot be used says why, in an error of its own."""
    with pytest.raises(ToolError, match=told):
        async with mcp_tools(**options):
            pytest.fail("not connected")


@pytest.mark.parametrize("kind", [list, tuple, set], ids=["list", "tuple", "set"])
def test_texts(kind: Callable[[list[str]], Any]) -> None:
    """Arguments and names of tools may come in any collection, and are kept as tuples; a text is none."""
    server = MCPServer(command="files", args=kind(["a"]), include=kind(["b"]), exclude=kind(["c"]))
    assert (server.args, server.include, server.exclude) == (("a",), ("b",), ("c",))
    with pytest.raises(ValidationError, match="args"):
        MCPServer(command="files", args="a")


async def test_run_without_its_tools() -> None:
    """An agent without the tools it was promised does not work at all."""
    with pytest.raises(ToolError, match="MCP server 'files' cannot be used"):
        await agent_with(MCPServer(command="/nowhere/files"), call="add").kickoff_async()


@pytest.mark.parametrize("stream", [None, io.StringIO()], ids=["none", "no file"])
async def test_no_standard_error(stream: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a notebook, where standard error is no file, what a program writes there is dropped."""
    monkeypatch.setattr(sys, "stderr", stream)
    async with mcp_tools(**PROGRAM, include=["add"]) as tools:
        assert await tools[0].arun(a=1) == "2"


async def test_folder(tmp_path: Path) -> None:
    """A program runs in the folder that is named."""
    shutil.copy(SHOP, tmp_path / "shop.py")
    async with mcp_tools(command=sys.executable, args=["shop.py"], cwd=tmp_path, include=["add"]) as tools:
        assert await tools[0].arun(a=1) == "2"


# ---- HTTP --------------------------------------------------------------------------------------------------------


@pytest.fixture
def address() -> Generator[str]:
    """The shop over HTTP, in a process of its own."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        fd = listening.fileno()
        program = subprocess.Popen([sys.executable, SHOP, str(fd)], pass_fds=[fd])
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/mcp"
        finally:
            program.kill()
            program.wait()


async def test_http(address: str) -> None:
    """A server over HTTP is used by its address, with headers of one's own."""
    server = MCPServer(url=address, headers={"X-Key": "k1"})
    async with mcp_tools(server) as tools:
        assert await by_name(tools)["add"].arun(a=1) == "2"
        assert await by_name(tools)["header"].arun(name="x-key") == "k1"
    async with mcp_tools(address, include=["add"]) as tools:
        assert [each.name for each in tools] == ["add"]


async def test_http_that_is_not_there() -> None:
    """An address where nobody listens is told by its host, without the rest: there may be a key in it."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://user:pass@127.0.0.1:{unused.getsockname()[1]}/mcp?key=s3cret"
        with pytest.raises(ToolError, match=r"MCP server '127.0.0.1:\d+' cannot be used: ") as caught:
            async with mcp_tools(url):
                pytest.fail("not connected")
    assert "s3cret" not in str(caught.value)
    assert "pass" not in str(caught.value)


# ---- an object ---------------------------------------------------------------------------------------------------


async def test_object() -> None:
    """A server object of the mcp package is used in this process."""
    async with mcp_tools(mcp_shop.server, include=["add", "pid"], exclude=["pid"]) as tools:
        assert [each.name for each in tools] == ["add"]
        assert await tools[0].arun(a=4) == "5"


async def test_tool_that_fails() -> None:
    """A tool that fails over there fails here, in the words of the server."""
    async with mcp_tools(mcp_shop.server) as tools:
        with pytest.raises(ToolError, match="Error executing tool fail"):
            await by_name(tools)["fail"].arun()


async def test_failure_is_told_to_the_model() -> None:
    """In a crew the model is told, and goes on."""
    seen = list[Event]()
    with listening(seen):
        done = await agent_with(MCPServer(**HERE), call="fail", text="without").kickoff_async()
    assert done.raw == "without"
    (failed,) = [each for each in seen if isinstance(each, ToolCallFailed)]
    assert failed.error == "ToolError: Error executing tool fail"


async def test_timeout() -> None:
    """A call may take as long as the server's definition says."""
    seen = list[Event]()
    with listening(seen):
        await agent_with(MCPServer(**HERE, timeout=0.05), call="wait").kickoff_async()
    (failed,) = [each for each in seen if isinstance(each, ToolCallFailed)]
    assert failed.error == "DeadlineExceeded: tool 'wait' took longer than 0.05 s"


async def test_arguments() -> None:
    """The server checks its arguments; what is no JSON object never reaches it."""
    async with mcp_tools(mcp_shop.server) as tools:
        with pytest.raises(ToolError, match=r"(?s)validation error.*valid integer"):
            await by_name(tools)["add"].arun(a="x")
        assert by_name(tools)["add"].tool_arguments('{"a": 1}').key == '{"a": 1}'


async def test_argument_called_self() -> None:
    """Arguments may have any name; the server is asked about them."""
    async with mcp_tools(mcp_shop.server) as tools:
        assert await by_name(tools)["add"].arun(a=1, self=2) == "2"


async def test_picture() -> None:
    """What is no text is told by what it is."""
    async with mcp_tools(mcp_shop.server) as tools:
        assert await by_name(tools)["picture"].arun() == "[image image/png]"


async def test_names_of_two_servers() -> None:
    """Tools of two servers with one name are offered under the names of their servers; others keep theirs."""
    servers = [MCPServer(**HERE, name="left", include=["add", "pid"]), MCPServer(**HERE, name="right", include=["add"])]
    async with ToolShed.opened() as shed:
        box = Toolbox(servers, shed=shed)
        await box.ready()
        assert [each.name for each in box.specs] == ["left_add", "pid", "right_add"]


async def test_concurrent_runs() -> None:
    """One definition serves many runs at once, each with a connection of its own."""
    crew = agent_with(MCPServer(**HERE), call="add", arguments='{"a": 1}')
    raws = list[str]()

    async def run() -> None:
        raws.append((await crew.kickoff_async()).raw)

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(run)
    assert raws == ["done"] * 5


async def test_error_of_the_body() -> None:
    """What is raised inside of the with is raised as it is."""
    with pytest.raises(KeyError, match="mine"):
        async with mcp_tools(mcp_shop.server):
            raise KeyError("mine")


async def test_another_thread() -> None:
    """A connection is used in the thread that opened it; elsewhere that is told."""
    async with mcp_tools(mcp_shop.server) as tools:
        add = by_name(tools)["add"]
        with pytest.raises(ToolError, match="was connected in another thread; connect it where it is used"):
            await anyio.to_thread.run_sync(lambda: add.run(a=1))


async def test_afterwards() -> None:
    """After the with the tools say that there is no connection."""
    async with mcp_tools(mcp_shop.server) as tools:
        pass
    with pytest.raises(ToolError, match="MCP server 'shop' is not connected any more"):
        await tools[0].arun(a=1)


# ---- the definition ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, "one of command, url and server, and here is none of them"),
        ({"command": "a", "url": "http://b"}, "and here is command and url"),
        ({"url": "example.com"}, "url is the address of a server, such as .*, not 'example.com'"),
        ({"command": "a", "headers": {"a": "b"}}, "headers are for a url; a program is given env="),
        ({"command": "a", "timeout": 0}, "timeout"),
        ({"command": "a", "comand": 1}, "comand"),
        ({"command": "a", "include": "add"}, "include"),
    ],
)
def test_refused(options: dict[str, Any], told: str) -> None:
    """A definition that means nothing is refused when it is made."""
    with pytest.raises(ValidationError, match=told):
        MCPServer(**options)


@pytest.mark.parametrize(
    ("options", "label"),
    [
        ({"command": "/usr/bin/files", "name": "mine"}, "MCP server 'mine'"),
        ({"command": "/usr/bin/files"}, "MCP server 'files'"),
        ({"url": "https://u:p@example.com:80/mcp?k=1"}, "MCP server 'example.com:80'"),
        (HERE, "MCP server 'shop'"),
        ({"server": object()}, "MCP server 'object'"),
    ],
)
def test_label(options: dict[str, Any], label: str) -> None:
    """A server is called by its name, else by what it is; an address only by its host."""
    assert MCPServer(**options).label == label


def test_repr() -> None:
    """Keys stand in no repr."""
    shown = repr(MCPServer(url="https://a/?key=s3cret", headers={"a": "s3cret"})) + repr(
        MCPServer(command="a", env={"KEY": "s3cret"})
    )
    assert "s3cret" not in shown


async def test_options_of_a_definition() -> None:
    """A definition has its options already."""
    with pytest.raises(ToolError, match=r"MCP server 'a' has its options already: include belong into MCPServer\("):
        async with mcp_tools(MCPServer(command="a"), include=["b"]):
            pytest.fail("not connected")


@pytest.mark.parametrize(
    ("module", "told"),
    [(None, "need the mcp package. hint: pip install"), (types.ModuleType("mcp"), "mcp package here is too old")],
    ids=["missing", "old"],
)
async def test_without_the_package(module: Any, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the client, or with one that is too old, the error says what to install."""
    monkeypatch.setitem(sys.modules, "mcp", module)
    with pytest.raises(ToolError, match=rf'{told}.*"crewgraph\[mcp\]"'):
        async with mcp_tools(command="a"):
            pytest.fail("not connected")


def text_content(text: str) -> TextContent:
    return TextContent(type="text", text=text)


@pytest.mark.parametrize(
    ("block", "text"),
    [
        (text_content("a"), "a"),
        (EmbeddedResource(type="resource", resource=TextResourceContents(uri="file:///a", text="b")), "b"),
        (
            EmbeddedResource(type="resource", resource=BlobResourceContents(uri="file:///a", blob="", mime_type="x/y")),
            "[resource x/y file:///a]",
        ),
        (ResourceLink(type="resource_link", name="a", uri="file:///a"), "[resource_link file:///a]"),
    ],
    ids=["text", "text resource", "other resource", "link"],
)
def test_blocks(block: Any, text: str) -> None:
    """Each kind of content has its text."""
    assert border._text(block) == text


class Client:
    """A client whose server says what it is made with."""

    def __init__(self, result: Any = None, pages: int = 1) -> None:
        self.result = result
        self.pages = pages
        self.read = list[Any]()

    async def call_tool(self, name: str, arguments: Any) -> Any:
        if isinstance(self.result, Exception):
            raise self.result
        return self.result

    async def list_tools(self, cursor: str | None) -> Any:
        self.read.append(cursor)
        more = len(self.read) < self.pages
        return types.SimpleNamespace(tools=[len(self.read)], next_cursor=f"{len(self.read)}" if more else None)


async def test_error_of_the_protocol() -> None:
    """An error of the protocol is a failure of the tool, and leaves the connection as it is."""
    connection = border.Connection(MCPServer(**HERE))
    connection._client = Client(MCPError(-32000, "overloaded"))
    for _ in range(2):
        with pytest.raises(ToolError, match="MCP server 'shop', tool 'add': MCPError: overloaded"):
            await connection.call("add", {})


async def test_failure_without_words() -> None:
    """A failure that does not say why is told as one."""
    connection = border.Connection(MCPServer(**HERE))
    connection._client = Client(types.SimpleNamespace(content=[], structured_content=None, is_error=True))
    with pytest.raises(ToolError, match="tool 'add' of MCP server 'shop' failed and does not say why"):
        await connection.call("add", {})


@pytest.mark.parametrize(
    ("content", "structured", "text"),
    [
        ([], {"a": [1]}, '{"a":[1]}'),
        ([text_content("words")], {"a": [1]}, "words"),
        ([], None, ""),
    ],
    ids=["structure", "both", "none"],
)
async def test_structured_content(content: list[Any], structured: Any, text: str) -> None:
    """A result that is only a structure is given as JSON."""
    connection = border.Connection(MCPServer(**HERE))
    connection._client = Client(types.SimpleNamespace(content=content, structured_content=structured, is_error=False))
    assert await connection.call("add", {}) == text


# ---- what servers say of their tools -----------------------------------------------------------------------------


def told(name: str, description: str | None = None, **schema: Any) -> Any:
    return types.SimpleNamespace(name=name, title=None, description=description, input_schema=schema)


async def test_tool_without_a_name(caplog: pytest.LogCaptureFixture) -> None:
    """A tool without a name is left out, and the server is named."""
    assert [each.name for each in border._chosen(MCPServer(**HERE), [told(" "), told("add")])] == ["add"]
    assert "MCP server 'shop' has a tool without a name, which is left out" in caplog.text


async def test_too_many_tools() -> None:
    """A server with more tools than a model can be told is refused, until some are chosen."""
    many = [told(f"t{number:03}") for number in range(129)]
    with pytest.raises(ToolError, match=r"'shop' has 129 tools, and a model is told 128 at most. hint: .*include="):
        border._chosen(MCPServer(**HERE), many)
    assert len(border._chosen(MCPServer(**HERE, exclude=["t000"]), many)) == 128
    with pytest.raises(ToolError, match=r"There is: t000, .*, t009 …$"):
        border._chosen(MCPServer(**HERE, include=["nope"]), many)


async def test_no_tools_to_choose() -> None:
    """A server without tools says so where one is wanted."""
    with pytest.raises(ToolError, match=r"has no tool 'add', .* There is: none"):
        border._chosen(MCPServer(**HERE, include=["add"]), [])


async def test_long_description() -> None:
    """Of a description without end the first part is told."""
    made = border.MCPTool(border.Connection(MCPServer(**HERE)), told("add", "x" * 1_000_000))
    assert made.description == "x" * 10_000 + " …"


@pytest.mark.parametrize(
    ("schema", "problem"),
    [
        ({"type": "string"}, "is of type 'string', not 'object'"),
        ({"properties": [1]}, "has properties that are no schemas by their names"),
        ({"properties": {"a": 1}}, "has properties that are no schemas by their names"),
        ({"required": "a"}, "requires what is no list of names"),
        ({"required": [1]}, "requires what is no list of names"),
        ({"title": "x" * 200_000}, r"has 200,\d+ characters, and 100,000 are the most"),
    ],
    ids=["type", "properties", "property", "required", "name", "size"],
)
async def test_schema_that_is_none(schema: dict[str, Any], problem: str) -> None:
    """A schema that no model can be told is refused with the server and the tool."""
    words = rf"MCP server 'shop', tool 'add': its schema {problem}. hint: MCPServer\(…, exclude=\['add'\]\)"
    with pytest.raises(ToolError, match=words):
        border.MCPTool(border.Connection(MCPServer(**HERE)), told("add", **schema))


@pytest.mark.parametrize(("pages", "read"), [(3, 3), (1_000, 100)])
async def test_pages(pages: int, read: int) -> None:
    """A long list of tools is read page by page, and one without end is not read for ever."""
    assert await border._listed(Client(pages=pages)) == list(range(1, read + 1))
