"""The judge of the checker: what real users get wrong is found before anything runs, and what is right is left in peace.

Written from the documentation alone, by somebody who had not read how the checker works.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import pytest
from pydantic import BaseModel, Field, computed_field

from crewgraph import Agent, Crew, Edge, Graph, Ignore, Pipeline, Process, Route, Router, Severity, Task, step
from crewgraph.testing import SchemaLLM, ScriptedLLM

# --- what the pipelines below are made of -------------------------------------------------------------------------


class Mail(BaseModel):
    text: str
    sender: str


class Topic(BaseModel):
    topic: str


class Verdict(BaseModel):
    category: Literal["billing", "praise", "fault"]
    urgency: int = Field(ge=0, le=10)


class Colour(StrEnum):
    RED = "red"
    GREEN = "green"


class Lamp(BaseModel):
    colour: Colour
    watts: int


class Person(BaseModel):
    name: str
    level: Literal["gold", "basic"]


class Address(BaseModel):
    street: str
    zip_code: str


class Customer(BaseModel):
    number: int
    name: str


class FullCustomer(Customer):
    address: Address


class Found(BaseModel):
    customer: Customer


class FullyFound(BaseModel):
    customer: FullCustomer


class MaybeFound(BaseModel):
    customer: Customer | None


class Lookup(TypedDict):
    number: int
    level: NotRequired[str]


class Report(BaseModel):
    summary: str


class Count(BaseModel):
    summary: int


class Score(BaseModel):
    score: float


class Risk(BaseModel):
    risk: Score


class Note(BaseModel):
    note: str


class Flagged(BaseModel):
    text: str
    is_known: bool


class Tags(BaseModel):
    tags: list[str]


class Ticket(BaseModel):
    urgency: int = Field(ge=0, le=10)


class Words(BaseModel):
    urgency: str


class Percent(BaseModel):
    percent: int = Field(ge=0, le=100)


class Choice(BaseModel):
    choice: Literal["yes", "no", "maybe"]


def crew(name: str, job: str, *, answer: type[BaseModel] | None = None, **options: Any) -> Crew:
    """A crew of one agent and one task, as most are."""
    agent = options.pop("agent", None) or Agent(role=name.title())
    task = Task(description=job, output_pydantic=answer, **options)
    return Crew(name=name, agents=[agent], tasks=[task], llm="offline")


@step
def classify(text: str) -> Verdict:
    fault = "smokes" in text
    return Verdict(category="fault" if fault else "praise", urgency=9 if fault else 2)


@step
def look_up(sender: str) -> Found:
    return Found(customer=Customer(number=1, name=sender))


@step
def tidy(text: str) -> Topic:
    return Topic(topic=text[:10])


@step
def thank(sender: str) -> None:
    return None


@step
def archive(text: str) -> None:
    return None


@step
def rate(text: str) -> Ticket:
    return Ticket(urgency=len(text) % 10)


@step
def call(urgency: int) -> str:
    return f"call {urgency}"


@step
def mail(urgency: int) -> str:
    return f"mail {urgency}"


@step
def puzzle(urgency: int) -> str:
    return f"puzzle {urgency}"


ERROR, WARNING, NOTE = Severity.ERROR, Severity.WARNING, Severity.INFO


@dataclass(frozen=True)
class Defect:
    """A pipeline with one mistake, and what has to be said of it."""

    name: str
    build: Callable[[], Any]
    code: str | tuple[str, ...]
    says: tuple[str, ...]
    severity: Severity
    miss: str | None

    @property
    def codes(self) -> set[str]:
        return {self.code} if isinstance(self.code, str) else set(self.code)


DEFECTS: list[Defect] = []


def defect(
    code: str | tuple[str, ...], *says: str, severity: Severity = ERROR, miss: str | None = None
) -> Callable[[Callable[[], Any]], Callable[[], Any]]:
    """A row: several codes mean that any of them will do."""

    def keep(build: Callable[[], Any]) -> Callable[[], Any]:
        DEFECTS.append(Defect(build.__name__, build, code, says, severity, miss))
        return build

    return keep


# --- keys that are not there --------------------------------------------------------------------------------------


@defect("CG307", "'reply'", "{tpoic}", "'research'", severity=WARNING)
def misspelt_placeholder_undeclared():
    return Pipeline(
        [crew("research", "Find the topic of {text}.", answer=Topic), crew("reply", "Write about {tpoic}.")]
    )


@defect("CG301", "'reply'", "{tpoic}", "did you mean topic")
def misspelt_placeholder_declared():
    return Pipeline(
        [
            crew("research", "Find the topic of {text} by {sender}.", answer=Topic),
            crew("reply", "Write about {tpoic}."),
        ],
        inputs=Mail,
    )


@defect("CG307", "'reply'", "{Text}", severity=WARNING)
def capital_letter_in_placeholder():
    return Pipeline([tidy, crew("note", "Note {topic}."), crew("reply", "Answer {Text}.")])


@defect("CG301", "'reply'", "{zipCode}", "zip_code")
def camel_case_for_snake_case():
    return Pipeline([crew("reply", "Send it to {street}, {zipCode}.")], inputs=Address)


@defect("CG301", "'reply'", "{mail}")
def key_that_nobody_ever_had():
    return Pipeline([tidy, crew("reply", "Answer {mail} of {sender} about {topic}.")], inputs=Mail)


@defect("CG301", "'answer'", "txt", "text")
def misspelt_parameter_of_a_step():
    @step
    def answer(txt: str, sender: str) -> str: ...

    return Pipeline([tidy, crew("note", "Note {topic}."), answer], inputs=Mail)


@defect("CG302", "'reply'", "customer", "'known'", "'default'")
def key_given_on_one_route_only():
    router = Router({"known": Route("is_known", crew("find", "Find {text}", answer=Found))}, default=archive)
    return Pipeline([router, crew("reply", "Greet {customer}.")], inputs=Flagged)


@defect("CG302", "'reply'", "{topic}", "'default'")
def key_given_on_the_inner_route_only():
    inner = Router({"billing": Route("category == 'billing'", tidy)}, default=archive)
    outer = Router({"urgent": Route("urgency > 7", Pipeline([archive, inner]))}, default=tidy)
    return Pipeline([classify, outer, crew("reply", "Write to {sender} on {topic}.")], inputs=Mail)


@defect("CG302", "'reply'", "{topic}", "'default'")
def key_of_a_route_within_a_branch():
    router = Router({"billing": Route("category == 'billing'", tidy)}, default=archive)
    return Pipeline([classify, [router, thank], crew("reply", "On {topic}.")], inputs=Mail)


@defect("CG301", "'reply'", "{topic}", "'research'")
def key_of_a_sibling_branch_declared():
    return Pipeline(
        [[crew("research", "Find the topic of {text}.", answer=Topic), crew("reply", "On {topic}, {sender}.")]],
        inputs=Mail,
    )


@defect(("CG301", "CG307"), "'reply'", "{topic}", "'research'", severity=WARNING)
def key_of_a_sibling_branch_undeclared():
    return Pipeline([[crew("research", "Find the topic of {text}.", answer=Topic), crew("reply", "On {topic}.")]])


@defect("CG301", "'reply'", "{topic}", "'research'")
def key_of_a_later_stage_declared():
    return Pipeline(
        [crew("reply", "On {topic}."), crew("research", "Topic of {text} by {sender}.", answer=Topic)], inputs=Mail
    )


@defect(("CG301", "CG307"), "'reply'", "{topic}", "'research'", severity=WARNING)
def key_of_a_later_stage_undeclared():
    return Pipeline([crew("reply", "On {topic}."), crew("research", "Topic of {text}.", answer=Topic)])


def procedure() -> Pipeline:
    a = crew("research", "Topic of {text}.", answer=Topic)
    return a >> crew("plan", "Plan it for {sender}.", answer=Note) >> crew("write", "Write on {topic}: {note}.")


@defect(
    "CG301",
    "'write'",
    "{topic}",
    "'research'",
    "procedure",
)
def procedure_drops_an_output_declared():
    chain = procedure()
    chain.input_model = Mail
    return chain


@defect(("CG301", "CG307"), "'write'", "{topic}", "'research'", severity=WARNING)
def procedure_drops_an_output_undeclared():
    return procedure()


@defect(
    "CG307",
    "'write'",
    "{reserch}",
    "research",
    severity=WARNING,
)
def text_of_a_crew_by_a_wrong_name():
    return Pipeline([crew("research", "Look into {text}."), crew("plan", "Plan."), crew("write", "Use {reserch}.")])


@defect("CG301", "'write'", "{writer_notes}")
def text_of_a_crew_that_is_not_there():
    return Pipeline([crew("notes", "Look into {text} by {sender}."), crew("write", "Use {writer_notes}.")], inputs=Mail)


@defect(("CG301", "CG308"), "'write'", "{urgency}")
def keys_of_a_crew_that_answers_in_text():
    return Pipeline(
        [crew("sort", "How urgent is {text} by {sender}?"), crew("write", "Urgency {urgency}.")], inputs=Mail
    )


@defect("CG308", "'write'", "{urgency}", "'sort'", severity=WARNING)
def keys_that_a_crew_mentions_and_gives_in_text():
    sort = crew("sort", "Say the category and the urgency of {text} by {sender}.")
    return Pipeline([sort, crew("write", "Urgency {urgency}.")], inputs=Mail)


@defect("CG301", "'write'", "{urgency}")
def keys_in_text_where_json_is_not_merged():
    stages = [crew("sort", "Answer as JSON with the key urgency: {text} {sender}"), crew("write", "Urgency {urgency}.")]
    return Pipeline(stages, inputs=Mail, merge_json=False)


@defect(("CG301", "CG308"), "'write'", "{urgency}")
def keys_of_a_task_that_is_not_the_last():
    clerk = Agent(role="Clerk")
    tasks = [
        Task(description="Sort {text} by {sender}.", agent=clerk, output_pydantic=Ticket),
        Task(description="Say it kindly.", agent=clerk, output_pydantic=Note),
    ]
    sort = Crew(name="sort", agents=[clerk], tasks=tasks, llm="offline")
    return Pipeline([sort, crew("write", "{note}, urgency {urgency}.")], inputs=Mail)


@defect(
    "CG301",
    "'write'",
    "{thank}",
    "'thank'",
    miss="a step that returns None has an empty text, and whoever reads it gets that",
)
def result_of_a_step_that_returns_nothing():
    return Pipeline([thank, crew("write", "After {thank}: {text}")], inputs=Mail)


@defect(("CG301", "CG302"), "'greet'", "level", "'find'")
def key_that_a_typed_dict_need_not_have():
    @step
    def find(sender: str, text: str) -> Lookup: ...

    @step
    def greet(level: str, number: int) -> str: ...

    return Pipeline([find, greet], inputs=Mail)


@defect(("CG301", "CG302"), "'greet'", "nickname")
def optional_input_of_a_json_schema():
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "nickname": {"type": "string"}},
        "required": ["name"],
    }
    return Pipeline([crew("greet", "Greet {name}, called {nickname}.")], inputs=schema)


@defect("CG301", "'answer'", "sender")
def field_of_the_input_model_of_a_crew():
    agent = Agent(role="Clerk")
    answer = Crew(name="answer", agents=[agent], tasks=[Task(description="On {text}")], llm="offline", input_model=Mail)
    return Pipeline([answer], inputs=Flagged, ignore=[Ignore("CG309", "not our matter")])


@defect("CG301", "'settle'", "number")
def field_of_the_model_that_a_step_takes():
    @step
    def settle(inputs: Customer) -> str: ...

    return Pipeline([settle], inputs=Person)


# --- every text has placeholders ----------------------------------------------------------------------------------


@defect("CG301", "'reply'", "{sendr}", "sender")
def placeholder_in_output_file():
    return Pipeline([crew("reply", "Answer {text} of {sender}.", output_file="mails/{sendr}.md")], inputs=Mail)


@defect("CG301", "'reply'", "{language}")
def placeholder_in_expected_output():
    return Pipeline([crew("reply", "Answer {text} of {sender}.", expected_output="a mail in {language}")], inputs=Mail)


@defect("CG301", "'reply'", "{company}", "'Clerk'")
def placeholder_in_backstory():
    clerk = Agent(role="Clerk", backstory="You work for {company}.")
    return Pipeline([crew("reply", "Answer {text} of {sender}.", agent=clerk)], inputs=Mail)


@defect("CG301", "'reply'", "{company}")
def placeholder_in_goal():
    clerk = Agent(role="Clerk", goal="Make {company} shine")
    return Pipeline([crew("reply", "Answer {text} of {sender}.", agent=clerk)], inputs=Mail)


@defect("CG301", "'reply'", "{company}")
def placeholder_in_role():
    clerk = Agent(role="Clerk of {company}")
    return Pipeline([crew("reply", "Answer {text} of {sender}.", agent=clerk)], inputs=Mail)


@defect("CG301", "'reply'", "{tone}")
def placeholder_in_guardrail():
    return Pipeline([crew("reply", "Answer {text} of {sender}.", guardrail="It has a {tone} tone.")], inputs=Mail)


@defect("CG301", "'team'", "{company}")
def placeholder_of_the_manager():
    boss = Agent(role="Boss", backstory="You lead {company}.")
    team = Crew(
        name="team",
        agents=[Agent(role="Clerk")],
        tasks=[Task(description="Answer {text} of {sender}.")],
        process=Process.hierarchical,
        manager_agent=boss,
        llm="offline",
    )
    return Pipeline([team], inputs=Mail)


@defect("CG310", "'reply'", "{customer.name}", severity=WARNING)
def dotted_placeholder():
    return Pipeline([look_up, crew("reply", "Greet {customer.name} and {customer}.")])


@defect("CG310", "'reply'", "{ topic }", severity=WARNING)
def placeholder_with_blanks():
    return Pipeline([tidy, crew("reply", "Write on { topic }.")])


@defect(
    "CG310",
    "'reply'",
    "{market-research}",
    severity=WARNING,
)
def placeholder_with_a_hyphen():
    return Pipeline([crew("market-research", "Look into {text}."), crew("reply", "Use {market-research}.")])


@defect("CG310", "'reply'", "{number:05d}", severity=WARNING)
def placeholder_with_a_format():
    return Pipeline([crew("reply", "Invoice {number:05d} of {name}.")])


@defect(
    "CG310",
    "'reply'",
    "{Market Research}",
    severity=WARNING,
    miss="a blank in braces is not looked at, not even in the name of a crew",
)
def placeholder_with_the_name_as_written():
    return Pipeline([crew("Market Research", "Look into {text}."), crew("reply", "Use {Market Research}.")])


# --- types --------------------------------------------------------------------------------------------------------


@defect("CG303", "'call'", "urgency", "str", "int", "'guess'")
def text_where_a_number_is_needed():
    @step
    def guess(text: str) -> Words: ...

    return Pipeline([guess, call])


@defect("CG303", "'greet'", "customer", "None", "'find'")
def optional_into_required():
    @step
    def greet(customer: Customer) -> str: ...

    return Pipeline([crew("find", "Find {sender}.", answer=MaybeFound), greet])


@defect("CG303", "'decide'", "choice", "'ask'")
def narrower_literal():
    @step
    def decide(choice: Literal["yes", "no"]) -> str: ...

    return Pipeline([crew("ask", "Ask {sender}.", answer=Choice), decide])


@defect("CG303", "'ship'", "customer", "'look_up'", "FullCustomer")
def model_without_a_nested_model():
    @step
    def ship(customer: FullCustomer) -> str: ...

    return Pipeline([look_up, ship])


@defect("CG303", "'total'", "prices", "'read'")
def elements_of_a_list():
    @step
    def read(text: str) -> Prices: ...

    @step
    def total(prices: list[int]) -> int: ...

    return Pipeline([read, total])


class Prices(TypedDict):
    prices: list[str]


@defect("CG303", "'half'", "score", "float", "int")
def float_where_an_int_is_needed():
    @step
    def half(score: int) -> int: ...

    return Pipeline([crew("rate", "Rate {text}.", answer=Score), half])


@defect("CG303", "'count'", "number", "str")
def union_that_may_be_text():
    @step
    def read(text: str) -> NumberOrText: ...

    @step
    def count(number: int) -> int: ...

    return Pipeline([read, count])


class NumberOrText(TypedDict):
    number: int | str


@defect("CG303", "'plan'", "text", "str", "int")
def declared_input_of_another_type():
    @step
    def plan(text: int, sender: str) -> str: ...

    return Pipeline([plan], inputs=Mail)


@defect("CG303", "'settle'", "number", "str", "int")
def declared_json_schema_of_another_type():
    @step
    def settle(number: int) -> str: ...

    schema = {"type": "object", "properties": {"number": {"type": "string"}}, "required": ["number"]}
    return Pipeline([settle], inputs=schema)


@defect("CG303", "'grade'", "percent", "10", severity=WARNING)
def narrower_bounds():
    @step
    def grade(percent: Annotated[int, Field(ge=0, le=10)]) -> str: ...

    return Pipeline([crew("rate", "Rate {text}.", answer=Percent), grade])


@defect("CG303", "'answer'", "urgency", "str", "int")
def crew_with_an_input_model_of_another_type():
    agent = Agent(role="Clerk")
    answer = Crew(
        name="answer", agents=[agent], tasks=[Task(description="On {urgency}")], llm="offline", input_model=Ticket
    )

    @step
    def guess(text: str) -> Words: ...

    return Pipeline([guess, answer])


@defect("CG303", "'call'", "urgency", "'guess'", "str")
def type_that_only_one_route_gives():
    @step
    def guess(text: str) -> Words: ...

    router = Router({"known": Route("is_known", rate)}, default=guess)
    return Pipeline([router, call], inputs=Flagged)


@defect("CG303", "'shout'", "length", "int", "str")
def plain_result_under_the_name_of_the_step():
    @step
    def length(text: str) -> int: ...

    @step
    def shout(length: str) -> str: ...

    return Pipeline([length, shout])


# --- conditions ---------------------------------------------------------------------------------------------------


def routes(**conditions: Any) -> Router:
    """A router whose routes are told by their conditions."""
    return Router({name: Route(condition, mail) for name, condition in conditions.items()}, default=puzzle)


@defect("CG401", "urgence", "urgency", "'high'")
def misspelt_key_in_a_condition_declared():
    return Pipeline([rate, thank, routes(high="urgence > 7")], inputs=Mail)


@defect(("CG307", "CG401"), "urgence", "urgency", "'high'", severity=WARNING)
def misspelt_key_in_a_condition_undeclared():
    return Pipeline([rate, routes(high="urgence > 7")])


@defect("CG401", "urgence", "urgency")
def misspelt_key_in_a_lambda():
    return Pipeline([rate, thank, routes(high=lambda values: values["urgence"] > 7)], inputs=Mail)


@defect("CG401", "billing")
def forgotten_quotes():
    return Pipeline([classify, thank, routes(money="category == billing")], inputs=Mail)


@defect("CG402", "'money'", "biling", severity=WARNING)
def misspelt_value_of_a_literal():
    return Pipeline([classify, routes(money="category == 'biling'")])


@defect("CG402", "'money'", "Billing", severity=WARNING)
def literal_in_capitals():
    return Pipeline([classify, routes(money="category in ['Billing', 'BILLING']")])


@defect("CG402", "'red'", "'RED'", severity=WARNING)
def name_of_an_enum_for_its_value():
    @step
    def look(text: str) -> Lamp: ...

    return Pipeline([rate, look, routes(red="colour == 'RED'")])


@defect(("CG402", "CG406"), "'high'", "urgency", severity=WARNING)
def number_equals_text():
    return Pipeline([rate, routes(high="urgency == 'high'")])


@defect("CG406", "'high'", "urgency", "str")
def order_of_text_and_number():
    @step
    def guess(text: str) -> Words: ...

    router = Router({"high": Route("urgency > 7", archive)}, default=thank)
    return Pipeline([guess, router])


@defect("CG406", "'long'", "urgency", "int")
def length_of_a_number():
    return Pipeline([rate, routes(long="len(urgency) > 3")])


@defect("CG406", "'money'", "urgency")
def text_looked_for_in_a_number():
    return Pipeline([rate, routes(money="'money' in urgency")])


@defect(("CG401", "CG406"), "'risky'", "scor")
def path_to_a_field_that_is_not_there():
    @step
    def judge(text: str) -> Risk: ...

    return Pipeline([rate, judge, routes(risky="risk.scor > 3")])


@defect("CG406", "'risky'", "risk")
def comparison_of_a_whole_model():
    @step
    def judge(text: str) -> Risk: ...

    return Pipeline([rate, judge, routes(risky="risk > 3")])


@defect("CG406", "'mine'", "tags")
def key_of_a_text_in_a_list():
    @step
    def read(text: str) -> Tags: ...

    return Pipeline([rate, read, routes(mine="tags[0].name == 'mine'")])


@defect("CG406", "'vip'", "customer", "None")
def path_into_what_may_be_none():
    find = crew("find", "Find {sender}.", answer=MaybeFound)
    return Pipeline([rate, find, routes(vip="customer.number < 100")])


@defect(
    ("CG307", "CG401", "CG402"),
    "custmer",
    severity=WARNING,
)
def has_of_a_misspelt_key():
    return Pipeline([rate, look_up, routes(known="has(custmer)")], inputs=Mail)


@defect(("CG307", "CG401"), "custmer", "customer", severity=WARNING)
def has_of_a_misspelt_key_undeclared():
    return Pipeline([look_up, Router({"known": Route("has(custmer)", greet)}, default=thank)])


@defect(("CG307", "CG401"), "urgence", "urgency", severity=WARNING)
def get_of_a_misspelt_key_undeclared():
    return Pipeline([rate, routes(high=lambda values: values.get("urgence", 0) > 7)])


@defect("CG401", "'good'", "opinion")
def text_of_a_crew_in_a_condition():
    opinion = crew("opinion", "What of {text}?")
    return Pipeline([rate, opinion, thank, routes(good="opinion == 'good'")], inputs=Mail, merge_json=False)


@defect("CG402", "'high'", "'some'", severity=WARNING)
def route_behind_a_wider_one():
    return Pipeline([rate, routes(some="urgency > 3", high="urgency > 7")])


@defect("CG402", "'second'", "'first'", severity=WARNING)
def same_condition_twice():
    return Pipeline([rate, routes(first="urgency > 7", second="urgency > 7")])


@defect("CG402", "'odd'", severity=WARNING)
def contradictory_condition():
    return Pipeline([rate, routes(odd="urgency > 7 and urgency < 3")])


@defect("CG402", "'huge'", severity=WARNING)
def condition_beyond_the_bounds():
    return Pipeline([rate, routes(huge="urgency > 10")])


@defect("CG402", "'rest'", severity=WARNING)
def route_behind_all_values_of_a_literal():
    return Pipeline(
        [
            classify,
            routes(
                money="category == 'billing'",
                good="category == 'praise'",
                bad="category == 'fault'",
                rest="urgency > 3",
            ),
        ]
    )


@defect("CG404", "5", severity=WARNING)
def gap_of_one_value():
    return Pipeline([rate, routes(low="urgency < 5", high="urgency > 5")])


@defect("CG404", "8", severity=WARNING)
def gap_of_one_value_in_lambdas():
    return Pipeline([rate, routes(low=lambda v: v["urgency"] < 8, high=lambda v: v["urgency"] > 8)])


@defect(("CG406", "CG402"), "'yes'", "is_known", severity=WARNING)
def bool_compared_with_a_word():
    router = Router({"yes": Route("is_known == 'yes'", tidy)}, default=tidy)
    return Pipeline([router], inputs=Flagged)


@defect("condition", "urgency = 7")
def assignment_for_comparison():
    return Pipeline([rate, routes(high="urgency = 7")])


@defect("condition", "&&")
def operators_of_another_language():
    return Pipeline([rate, routes(high="urgency > 7 && urgency < 9")])


# --- writing ------------------------------------------------------------------------------------------------------


@defect("CG304", "summary", "'finance'", "'market'", severity=WARNING)
def two_branches_give_one_key():
    branches = [crew("finance", "Sum up {company}.", answer=Report), crew("market", "Sum up {company}.", answer=Report)]
    return Pipeline([branches, crew("write", "Write {summary}.")])


@defect("CG304", "summary", "'finance'", "'market'", "int", "str")
def two_branches_give_one_key_of_two_types():
    branches = [crew("finance", "Sum up {company}.", answer=Report), crew("market", "Sum up {company}.", answer=Count)]
    return Pipeline([branches, crew("write", "Write {summary}.")])


@defect("CG305", "text", "'invent'", severity=WARNING)
def input_is_shadowed():
    @step
    def invent(sender: str) -> Told: ...

    return Pipeline([invent, archive], inputs=Mail)


class Told(BaseModel):
    text: str


@defect("CG306", "'rate'", "note", severity=NOTE)
def output_that_nobody_reads():
    @step(name="rate")
    def rate_it(text: str) -> RatedWithNote: ...

    return Pipeline([rate_it, call])


class RatedWithNote(Ticket):
    note: str


@defect("CG309", "sender", severity=NOTE)
def input_that_nobody_reads():
    return Pipeline([tidy, crew("write", "On {topic}.")], inputs=Mail)


@defect("CG201", "'tidy'", severity=WARNING)
def two_steps_of_one_name():
    @step(name="tidy")
    def other(topic: str) -> str: ...

    return Pipeline([tidy, other])


# --- shape --------------------------------------------------------------------------------------------------------


@defect("CG503", "'add'", "numbers")
def star_arguments():
    @step
    def add(*numbers: int) -> int: ...

    return Pipeline([add])


@defect("CG502", "'desk'", "Sort")
def task_without_an_agent():
    agents = [Agent(role="Clerk"), Agent(role="Judge")]
    return Pipeline([Crew(name="desk", agents=agents, tasks=[Task(description="Sort {text}.")], llm="offline")])


@defect("CG502", "'desk'", "manager")
def hierarchy_without_a_manager():
    desk = Crew(
        name="desk",
        agents=[Agent(role="Clerk")],
        tasks=[Task(description="Sort {text}.")],
        process=Process.hierarchical,
        llm="offline",
    )
    return Pipeline([desk])


@defect("CG501", "'desk'", "Clerk")
def no_model():
    return Pipeline([Crew(name="desk", agents=[Agent(role="Clerk")], tasks=[Task(description="Sort {text}.")])])


@defect("CG102", "stage 2")
def empty_branch():
    return Pipeline([tidy, []])


@defect("CG102", "'known'")
def empty_route():
    return Pipeline([Router({"known": Route("is_known", Pipeline([]))}, default=archive)], inputs=Flagged)


@defect("CG101", "Double nesting is not allowed", "stage 2")
def double_nesting():
    return Pipeline([tidy, [[archive, thank], classify]])


@defect("Expected Crew instance", "str")
def text_as_a_stage():
    return Pipeline([tidy, "archive"])


@defect("CG202", "'router'", "'again'")
def cycle_through_a_router():
    router = Router(default=archive)
    pipeline = tidy >> router
    router.add_route("again", "len(topic) > 3", pipeline)
    return pipeline


@defect("CG601", "CG306", '"tidy"', severity=WARNING)
def useless_ignore():
    stages = [tidy, crew("write", "On {topic}.")]
    return Pipeline(stages, ignore=[Ignore("CG306", "meant so", node="tidy")])


# --- where it stands ----------------------------------------------------------------------------------------------


@defect("CG301", "'reply'", "{tpoic}", "stage 2", "stage 1")
def deep_in_nested_pipelines():
    inner = Pipeline([crew("reply", "Answer {sender} on {tpoic}.")], name="inner")
    return Pipeline([tidy, [Pipeline([inner]), classify]], inputs=Mail)


@defect("CG301", "'reply'", "{tpoic}", "route 'urgent'", "route 'bill'")
def deep_in_nested_routers():
    inner = Router({"bill": Route("category == 'billing'", crew("reply", "To {sender} on {tpoic}."))}, default=archive)
    outer = Router({"urgent": Route("urgency > 7", Pipeline([tidy, inner]))}, default=thank)
    return Pipeline([classify, outer], inputs=Mail)


class Wayward(Router):
    """A router that may come up with pipelines of its own."""

    def route(self, inputs):
        return super().route(inputs)


@defect("CG301", "'reply'", "{tpoic}", "route 'urgent'")
def declared_route_of_an_open_router():
    reply = crew("reply", "To {sender} on {tpoic}.")
    return Pipeline([classify, Wayward({"urgent": Route("urgency > 7", reply)}, default=thank)], inputs=Mail)


@defect("CG301", "'reply'", "{tpoic}", "topic")
def key_in_a_graph_by_hand():
    reply = crew("reply", "To {sender} on {tpoic}.")
    return Graph([Edge(tidy, reply), Edge(classify, reply)], inputs=Mail)


@defect("CG301", "'reply'", "{topic}", "'tidy'")
def graph_by_hand_lacks_an_edge():
    reply = crew("reply", "To {sender} on {topic}.")
    return Graph([Edge(classify, tidy), Edge(classify, reply)], inputs=Mail)


@defect("CG302", "'reply'", "{topic}", "'tidy'")
def way_round_a_node_in_a_graph_by_hand():
    reply = crew("reply", "To {sender} on {topic}.")
    edges = [Edge(classify, tidy, when="urgency > 7"), Edge(classify, reply, otherwise=True), Edge(tidy, reply)]
    return Graph(edges, inputs=Mail)


@defect("CG203", "'thank'", severity=WARNING)
def node_without_edges():
    return Graph([(classify, call)], nodes=[classify, call, thank])


@defect("CG202", "classify", "call", "thank")
def cycle_in_a_graph_by_hand():
    return Graph([(classify, call, thank, classify)])


@defect("no node is called 'clasify'", "classify")
def misspelt_node_of_an_edge():
    return Graph([Edge(classify, call), Edge("clasify", thank)])


@defect("CG401", "urgence", "urgency")
def condition_of_an_edge():
    return Graph([Edge(classify, call, when="urgence > 7"), Edge(classify, thank, otherwise=True)], inputs=Mail)


def found(row: Defect) -> list[tuple[str, Severity, str]]:
    """All errors and warnings, and notes where one is expected: code, severity and the whole text."""
    try:
        findings = row.build().check()
    except (ValueError, TypeError) as refusal:
        return [(min(row.codes), ERROR, str(refusal))]
    wanted = [f for f in findings if f.severity is not NOTE or row.severity is NOTE]
    return [(f.code, f.severity, str(f)) for f in wanted]


def rows(table: list[Any]) -> list[Any]:
    """The table as parameters; what the checker gets wrong today is marked so."""
    wrong = {row.name: [pytest.mark.xfail(strict=True, reason=row.miss)] for row in table if row.miss}
    return [pytest.param(row, id=row.name, marks=wrong.get(row.name, [])) for row in table]


@pytest.mark.parametrize("row", rows(DEFECTS))
def test_a_wiring_mistake_is_found_at_build_time(row: Defect):
    """It is said what is wrong, with the right weight and at the right place, and nothing else is complained of."""
    findings = found(row)
    assert findings, "nothing was found"
    assert {code for code, _, _ in findings} <= row.codes
    for _, severity, text in findings:
        assert severity is row.severity
        assert not [part for part in row.says if part not in text], text


# --- what is right ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sound:
    """A pipeline without a mistake, and inputs that it runs with."""

    name: str
    build: Callable[[], Any]
    inputs: tuple[dict[str, Any], ...]
    miss: str | None


SOUND: list[Sound] = []


def sound(*inputs: dict[str, Any], miss: str | None = None) -> Callable[[Callable[[], Any]], Callable[[], Any]]:
    """A row of a pipeline that nothing is to be said of."""

    def keep(build: Callable[[], Any]) -> Callable[[], Any]:
        SOUND.append(Sound(build.__name__, build, inputs, miss))
        return build

    return keep


HARMLESS = {"text": "Thanks a lot", "sender": "Ada"}
SMOKE = {"text": "It smokes!", "sender": "Bo"}


@step
def reply(text: str, topic: str) -> str:
    return f"{topic}: {text}"


@step
def greet(customer: Customer) -> str:
    return f"Dear {customer.name}"


@sound(HARMLESS)
def chain_of_crews():
    return (
        crew("research", "Look into {text}.") >> crew("plan", "Plan it.") >> crew("write", "Write to {sender}: {plan}")
    )


@sound(HARMLESS)
def pipeline_that_keeps_what_a_procedure_drops():
    chain = [crew("research", "{text}", answer=Topic), crew("plan", "For {sender}.", answer=Note)]
    return Pipeline([*chain, crew("write", "On {topic}: {note}.")], inputs=Mail)


@sound(HARMLESS, SMOKE)
def the_same_condition_twice():
    first = Router({"bad": Route("urgency > 7", tidy)}, default=archive)
    second = Router({"bad": Route("urgency > 7", reply)}, default=thank)
    return Pipeline([classify, first, archive, second], inputs=Mail)


@sound(HARMLESS, SMOKE)
def a_condition_and_what_it_implies():
    first = Router({"bad": Route("urgency >= 5", tidy)}, default=archive)
    second = Router({"bad": Route("urgency > 7", reply)}, default=thank)
    return Pipeline([classify, first, second], inputs=Mail)


@sound(HARMLESS, SMOKE)
def the_second_router_asks_the_other_way_round():
    first = Router({"good": Route("urgency < 5", archive)}, default=tidy)
    second = Router({"good": Route("urgency < 5", thank)}, default=reply)
    return Pipeline([classify, first, second], inputs=Mail)


@sound(HARMLESS, SMOKE)
def correlated_by_two_keys():
    first = Router({"bad": Route("category == 'fault' and urgency > 7", tidy)}, default=archive)
    second = Router({"bad": Route("urgency > 7 and category == 'fault'", reply)}, default=thank)
    return Pipeline([classify, first, second], inputs=Mail)


@sound(HARMLESS, SMOKE)
def the_same_lambda_twice():
    is_bad = lambda values: values["urgency"] > 7
    first = Router({"bad": Route(is_bad, tidy)}, default=archive)
    second = Router({"bad": Route(is_bad, reply)}, default=thank)
    return Pipeline([classify, first, second])


@sound(HARMLESS, SMOKE)
def the_same_lambda_twice_with_declared_inputs():
    is_bad = lambda values: values["urgency"] > 7
    first = Router({"bad": Route(is_bad, tidy)}, default=archive)
    second = Router({"bad": Route(is_bad, reply)}, default=thank)
    return Pipeline([classify, first, second], inputs=Mail)


@sound({"email": "..."}, {"email": "...", "urgency_score": 9})
def the_router_of_the_seeds():
    urgent, normal = (
        Pipeline(stages=[crew("urgent", "Now: {email}")]),
        Pipeline(stages=[crew("normal", "Soon: {email}")]),
    )
    router = Router(
        routes={
            "high_urgency": Route(condition=lambda x: x.get("urgency_score", 0) > 7, pipeline=urgent),
            "low_urgency": Route(condition=lambda x: x.get("urgency_score", 0) <= 7, pipeline=normal),
        },
        default=Pipeline(stages=[normal]),
    )
    return Pipeline(stages=[crew("classify", "Classify the email based on its content."), router])


@sound(
    HARMLESS,
)
def the_router_of_the_seeds_with_declared_inputs():
    task = Task(description="Classify {text} by its content and {sender}, from 1 to 10.")
    sort = Crew(name="sort", agents=[Agent(role="Clerk")], tasks=[task], llm=ScriptedLLM({"urgency_score": 9}))
    router = Router({"high": Route(lambda x: x.get("urgency_score", 0) > 7, thank)}, default=archive)
    return Pipeline([sort, router], inputs=Mail)


class Said(TypedDict):
    text: str
    level: NotRequired[str]


@step
def fast(level: str, text: str) -> str:
    return level + text


@step
def slow(text: str) -> str:
    return text


@sound({"text": "a"}, {"text": "a", "level": "gold"}, {"text": "a", "level": "tin"})
def not_required_input_behind_has():
    return Pipeline([Router({"known": Route("has(level) and level != 'tin'", fast)}, default=slow)], inputs=Said)


@sound({"text": "a"}, {"text": "a", "level": "gold"})
def not_required_input_on_the_default_behind_not_has():
    return Pipeline([Router({"unknown": Route("not has(level)", slow)}, default=fast)], inputs=Said)


@sound({"text": "a"}, {"text": "a", "level": "gold"})
def not_required_input_two_nodes_behind_has():
    known = Pipeline([slow, fast])
    return Pipeline([Router({"known": Route("has(level)", known)}, default=slow), slow], inputs=Said)


@sound({"text": "a", "nickname": None}, {"text": "b", "nickname": "c"})
def none_is_asked_for_first():
    @step
    def shout(nickname: str) -> str:
        return nickname.upper()

    return Pipeline([Router({"known": Route("nickname is not None", shout)}, default=slow)], inputs=Nicknamed)


class Nicknamed(BaseModel):
    text: str
    nickname: str | None = None


@sound({"text": "a"}, {"text": "b", "nickname": "c"})
def optional_input_is_printed_by_a_crew():
    return Pipeline([crew("greet", "Greet {nickname}: {text}.")], inputs=Nicknamed)


@sound({"text": "a", "customer": {"number": 3, "name": "x"}}, {"text": "a"})
def path_behind_has():
    @step
    def vip(text: str) -> str:
        return text

    router = Router({"vip": Route("has(customer.number) and customer.number < 10", vip)}, default=slow)
    return Pipeline([router], inputs=MaybeCustomer)


class MaybeCustomer(BaseModel):
    text: str
    customer: Customer | None = None


@sound({"text": "  x "})
def step_that_rewrites_the_key_it_reads():
    @step
    def strip(text: str) -> Told:
        return Told(text=text.strip())

    return Pipeline([strip, strip, archive], inputs=OnlyText)


class OnlyText(BaseModel):
    text: str


@sound(HARMLESS)
def crew_that_rewrites_the_key_it_reads():
    return Pipeline([crew("shorten", "Shorten {text}.", answer=Told), crew("send", "To {sender}: {text}")], inputs=Mail)


@sound({"company": "Acme"})
def branches_of_one_model_that_nobody_reads():
    branches = [
        crew("finance", "Sum up {company}.", answer=Report),
        crew("market", "Look at {company}.", answer=Report),
    ]
    return Pipeline([branches, crew("write", "Write: {finance} and {market}")])


@sound({"company": "Acme"})
def branches_of_one_model_at_the_end():
    return Pipeline(
        [[crew("finance", "Sum up {company}.", answer=Report), crew("market", "Look at {company}.", answer=Report)]]
    )


@sound({"company": "Acme"})
def branches_of_two_models_with_one_field_that_nobody_reads():
    branches = [crew("finance", "Sum up {company}.", answer=Report), crew("market", "Look at {company}.", answer=Count)]
    return Pipeline([branches, crew("write", "Write on {company}.")])


class Foreign:
    """A crew of another library."""

    name = "foreign"

    async def kickoff_async(self, inputs):
        return {"verdict": "good", "urgency": 3, **inputs}


@sound(HARMLESS)
def foreign_crew_in_between():
    return Pipeline([Foreign(), Router({"high": Route("urgency > 7", thank)}, default=archive)])


@sound(HARMLESS)
def foreign_crew_in_between_with_declared_inputs():
    @step
    def use(verdict: str, urgency: int) -> str:
        return verdict * urgency

    return Pipeline([Verdicts(), use, crew("write", "{sender}, {text}")], inputs=Mail)


class Verdicts:
    """Another one, whose output is the kind that its library has."""

    name = "verdicts"

    async def kickoff_async(self, inputs):
        return {"verdict": "good", "urgency": 3}


@sound(HARMLESS)
def step_without_annotations():
    @step
    def loose(text):
        return {"topic": text, "urgency": 3}

    return Pipeline([loose, reply, call, thank], inputs=Mail)


@sound(HARMLESS)
def step_that_returns_any_dict():
    @step
    def loose(text: str) -> dict[str, Any]:
        return {"topic": text, "urgency": 3}

    router = Router({"high": Route("urgency > 7", reply)}, default=call)
    return Pipeline([loose, router, thank], inputs=Mail)


@sound(HARMLESS)
def crew_that_answers_in_json_by_its_words():
    clerk = Agent(role="Clerk")
    task = Task(description="How urgent is {text}?", expected_output="JSON with the keys urgency and topic")
    sort = Crew(name="sort", agents=[clerk], tasks=[task], llm=ScriptedLLM({"urgency": 3, "topic": "t"}))
    return Pipeline([sort, Router({"high": Route("urgency > 7", reply)}, default=call)])


@sound(HARMLESS)
def parameters_with_defaults():
    @step
    def answer(text: str, tone: str = "kind", urgency: int = 0, *, topic: str | None = None) -> str:
        return f"{tone} {text} {urgency} {topic}"

    return Pipeline([thank, answer], inputs=Mail)


@sound(HARMLESS, SMOKE)
def parameter_with_a_default_given_on_one_route():
    @step
    def answer(text: str, topic: str = "none") -> str:
        return topic + text

    return Pipeline([classify, Router({"bad": Route("urgency > 7", tidy)}, default=thank), answer], inputs=Mail)


@sound({"colour": "red", "watts": "5"}, {"colour": Colour.GREEN, "watts": 3})
def condition_on_an_enum():
    @step
    def lamp(watts: int) -> str:
        return "x" * watts

    router = Router({"red": Route("colour == 'red'", lamp), "green": Route("colour == 'green'", lamp)}, default=lamp)
    return Pipeline([router], inputs=Lamp)


@sound(HARMLESS)
def enum_of_a_crew_into_a_step():
    @step
    def paint(colour: Colour, watts: int) -> str:
        return colour.value * watts

    return Pipeline([crew("look", "Look: {text}", answer=Lamp), paint])


@sound({"topics": ["a"], "topic": "b"})
def singular_and_plural():
    return Pipeline([crew("write", "Of {topics} take {topic}.")])


@sound({"topic": "b"})
def singular_and_plural_given():
    @step
    def split(topic: str) -> Topics:
        return {"topics": [topic]}

    return Pipeline([split, crew("write", "Of {topics} take {topic}.")])


class Topics(TypedDict):
    topics: list[str]


@sound({"question_1": "a", "question_2": "b", "question_3": "c"})
def numbered_keys():
    @step
    def one(question_1: str) -> Answer1:
        return {"answer_1": question_1}

    @step
    def two(question_2: str) -> Answer2:
        return {"answer_2": question_2}

    return Pipeline([[one, two], crew("write", "{answer_1} {answer_2} {question_3}")])


class Answer1(TypedDict):
    answer_1: str


class Answer2(TypedDict):
    answer_2: str


@sound({"text": "a", "test": "b", "user": "c", "users": 3, "name": "d", "names": ["e"]})
def similar_words_that_are_all_meant():
    return Pipeline(
        [crew("one", "{text}"), crew("four", "{test}"), crew("two", "{user} {users}"), crew("three", "{name} {names}")]
    )


@sound(HARMLESS)
def literal_json_in_a_prompt():
    job = 'Answer {text} as {"category": "billing", "urgency": 3, "tags": ["a"]} or {{"a": {"b": 1}}} or {}.'
    return Pipeline([crew("sort", job, expected_output='{"ok": true}'), crew("write", "Write to {sender}.")])


@sound(HARMLESS)
def code_in_a_prompt():
    job = "Fix {text}: `for (i = 0; i < n; i++) { x[i] = 1; }`, a set {1, 2}, CSS `p { color: red; }`, LaTeX \\frac{{1}}{{2}}."
    return Pipeline([crew("fix", job)])


@sound(HARMLESS)
def hierarchical_crew():
    team = Crew(
        name="team",
        agents=[Agent(role="Writer"), Agent(role="Critic")],
        tasks=[Task(description="Answer {text}.", output_pydantic=Topic)],
        process=Process.hierarchical,
        manager_llm=SchemaLLM(),
        llm="offline",
    )
    return Pipeline([team, reply, thank], inputs=Mail)


@sound(HARMLESS)
def tasks_with_context():
    clerk = Agent(role="Clerk", backstory="You know {sender}.")
    look = Task(description="Look at {text}.", output_pydantic=Note)
    think = Task(description="Think.", context=[look], async_execution=True)
    name = Task(description="Name it.", context=[look, think], output_pydantic=Topic)
    desk = Crew(name="desk", agents=[clerk], tasks=[look, think, name], llm="offline")
    return Pipeline([desk, reply], inputs=Mail)


@sound(HARMLESS, SMOKE)
def pipelines_nested_in_routes():
    bad = Pipeline([tidy, Pipeline([reply]), [archive, thank]])
    good = Pipeline([Router({"some": Route("urgency > 1", tidy)}, default=tidy), reply])
    return Pipeline([classify, Router({"bad": Route("category == 'fault'", bad)}, default=good), archive], inputs=Mail)


class Inventive(Router):
    """A router that comes up with a pipeline of its own."""

    def route(self, inputs):
        return (Pipeline([tidy]), "invented") if inputs["urgency"] < 5 else super().route(inputs)


@sound(HARMLESS, SMOKE)
def open_router():
    return Pipeline([classify, Inventive({"bad": Route("urgency > 7", tidy)}, default=tidy), reply], inputs=Mail)


@sound(HARMLESS)
def open_router_whose_own_way_gives_the_key():
    return Pipeline([classify, Inventive({"bad": Route("urgency > 7", thank)}, default=archive), reply])


@sound(HARMLESS, SMOKE)
def graph_by_hand_whose_branches_meet():
    @step
    def name_it(text: str) -> Topic:
        return Topic(topic="fault")

    edges = [
        Edge(classify, name_it, when="urgency > 7"),
        Edge(classify, tidy, otherwise=True),
        Edge(name_it, reply),
        Edge(tidy, reply),
    ]
    return Graph(edges, inputs=Mail)


@sound(HARMLESS, SMOKE)
def graph_by_hand_with_an_optional_step():
    edges = [Edge(classify, call, when="urgency > 7"), Edge(classify, tidy), Edge(tidy, reply)]
    return Graph(edges, inputs=Mail)


@sound({"url": "example.com/urgent"})
def graph_of_the_documentation():
    @step
    def fetch(url: str) -> Page:
        return {"page": url}

    @step
    def parse(page: str) -> dict[str, int]:
        return {"words": len(page)}

    @step
    def score(page: str) -> dict[str, int]:
        return {"score": 3}

    @step
    def summary(words: int, score: int) -> str:
        return f"{words} {score}"

    @step
    def alert(score: int) -> str:
        return f"{score}"

    return Graph([(fetch, parse, summary), (fetch, score, summary), (score, alert)])


class Page(TypedDict):
    page: str


@sound({**HARMLESS, "id": 7, "line": 3}, {**SMOKE, "id": "x"})
def inputs_with_extra_keys():
    return Pipeline([tidy, reply, thank], inputs=Mail)


@sound({"number": "12", "name": "Ada"}, {"number": " 7", "name": ""})
def text_of_a_csv_file_for_numbers():
    @step
    def double(number: int) -> Doubled:
        return {"doubled": 2 * number}

    @step
    def show(doubled: float, name: str) -> str:
        return f"{name} {doubled}"

    return Pipeline([double, show])


class Doubled(TypedDict):
    doubled: int


@sound({"sender": "Ada"})
def subclass_of_the_needed_model():
    @step
    def find(sender: str) -> FullyFound:
        address = Address(street="a", zip_code="1")
        return FullyFound(customer=FullCustomer(number=1, name=sender, address=address))

    @step
    def post(customer: FullCustomer) -> str:
        return customer.address.street

    return Pipeline([find, [greet, post], crew("send", "To {customer}.")])


@sound({"sender": "Ada"})
def path_into_nested_models():
    find = crew("find", "Find {sender}.", answer=FullyFound)
    router = Router(
        {"here": Route("customer.address.zip_code == '10115' and customer.number < 100", greet)}, default=greet
    )
    return Pipeline([find, router])


class Cart(BaseModel):
    prices: list[float] = Field(default_factory=list)

    @computed_field
    def total(self) -> float:
        return sum(self.prices)


@sound({"text": "a"})
def computed_field_is_handed_over():
    @step
    def fill(text: str) -> Cart:
        return Cart(prices=[1.5, 2])

    @step
    def pay(total: float, prices: list[float]) -> str:
        return f"{total} {prices}"

    return Pipeline([fill, Router({"dear": Route("total > 100", pay)}, default=pay)], inputs=OnlyText)


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int


class Dog(BaseModel):
    kind: Literal["dog"]
    tricks: list[str]


class Pet(BaseModel):
    pet: Annotated[Cat | Dog, Field(discriminator="kind")]


@sound({"pet": {"kind": "cat", "lives": 9}}, {"pet": {"kind": "dog", "tricks": []}})
def discriminated_union():
    @step
    def feed(pet: Cat | Dog) -> str:
        return pet.kind

    router = Router({"cat": Route("pet.kind == 'cat' and pet.lives > 1", feed)}, default=feed)
    return Pipeline([router], inputs=Pet)


@sound({"sender": "Ada", "text": "x"}, {"sender": "Bo", "text": "x"})
def not_required_key_of_a_step_behind_has():
    @step
    def find(sender: str) -> Lookup:
        return {"number": 1, "level": "gold"} if sender == "Ada" else {"number": 2}

    @step
    def use(level: str, number: int) -> str:
        return level * number

    return Pipeline([find, Router({"known": Route("has(level)", use)}, default=archive)], inputs=Mail)


@sound(HARMLESS, SMOKE)
def all_routes_give_the_key():
    a, b, c = (crew(name, f"{name.title()} {{text}}", answer=Topic) for name in ("money", "fault", "thanks"))
    router = Router({"money": Route("category == 'billing'", a), "fault": Route("category == 'fault'", b)}, default=c)
    return Pipeline([classify, router, reply, crew("write", "{topic} to {sender}")], inputs=Mail)


@sound(HARMLESS)
def all_values_have_a_route_and_only_routes_give_the_key():
    @step
    def yes(text: str) -> Topic:
        return Topic(topic="yes")

    router = Router(
        {
            "billing": Route("category == 'billing'", tidy),
            "praise": Route("category == 'praise'", yes),
            "fault": Route("category == 'fault'", tidy),
        },
        default=archive,
    )
    return Pipeline([classify, router, reply], inputs=Mail)


@sound(HARMLESS)
def big_fan_out():
    desks = [crew(f"desk{number}", f"Opinion {number} on {{text}}.") for number in range(40)]
    job = " ".join(f"{{desk{number}}}" for number in range(40))
    return Pipeline([tidy, desks, crew("write", job + " {topic} {sender}")], inputs=Mail)


@sound({"topic": "tea"})
def crews_without_any_placeholder():
    return (
        crew("research", "Find news.") >> [crew("a", "Sum it up."), crew("b", "Rate it.")] >> crew("c", "Write it up.")
    )


@sound(HARMLESS, SMOKE)
def default_route_of_a_lambda_with_get():
    router = Router({"bad": Route(lambda v: v.get("vip", False) or v["urgency"] > 7, tidy)}, default=tidy)
    return Pipeline([classify, router, reply])


@sound({"nickname": None, "text": "a"}, {"nickname": "b", "text": "a"})
def none_takes_the_first_route():
    @step
    def shout(nickname: str) -> str:
        return nickname.upper()

    return Pipeline([Router({"unknown": Route("nickname is None", slow)}, default=shout)], inputs=Nicknamed)


@sound({"sender": "Ada"})
def missing_model_is_asked_for_first():
    find = crew("find", "Find {sender}.", answer=MaybeFound)
    return Pipeline([find, Router({"known": Route("customer is not None", greet)}, default=thank)])


@sound({"sender": "Ada"})
def field_of_a_model_that_may_be_missing_is_asked_for_first():
    find = crew("find", "Find {sender}.", answer=MaybeFound)
    condition = "customer is not None and customer.number < 100"
    return Pipeline([find, Router({"known": Route(condition, greet)}, default=thank)])


@sound(HARMLESS, SMOKE)
def route_narrows_a_literal():
    @step
    def repair(category: Literal["fault"]) -> str:
        return category

    return Pipeline([classify, Router({"bad": Route("category == 'fault'", repair)}, default=call)])


@sound(HARMLESS, SMOKE)
def route_narrows_bounds():
    @step
    def wait(urgency: Annotated[int, Field(le=5)]) -> str:
        return "x" * urgency

    return Pipeline([classify, Router({"calm": Route("urgency <= 5", wait)}, default=call)])


@sound({"text": "a", "test": "b", "sender": "c", "gender": "d", "date": "e", "data": "f"})
def words_of_one_text_that_look_alike():
    return Pipeline([crew("write", "{text}, {test}: {sender} ({gender}) sent {data} on {date}.")])


@sound(
    {"when": "2024-05-01", "prices": ["1.5", 2]},
)
def values_that_pydantic_coerces():
    @step
    def plan(when: date, prices: list[float]) -> str:
        return f"{when:%d} {sum(prices)}"

    schema = {
        "type": "object",
        "properties": {"when": {"type": "string", "format": "date"}, "prices": {"type": "array"}},
        "required": ["when", "prices"],
    }
    return Pipeline([plan], inputs=schema)


@sound({"text": "a", "days": 3})
def numbers_that_widen():
    @step
    def give(text: str, days: int) -> Scores:
        return {"score": days, "flag": True, "word": "yes"}

    @step
    def take(score: float, flag: bool, word: str | None, days: float | str) -> str:
        return f"{score} {flag} {word} {days}"

    return Pipeline([give, take])


class Scores(TypedDict):
    score: int
    flag: bool
    word: Literal["yes", "no"]


@sound(HARMLESS)
def steps_that_take_everything():
    @step
    def log(inputs: dict) -> None:
        return None

    @step
    def keep(**values: Any) -> Topic:
        return Topic(topic=str(len(values)))

    return Pipeline([classify, log, keep, reply], inputs=Mail)


@sound(HARMLESS)
def the_same_crew_twice():
    polish = crew("polish", "Polish {text}.", answer=Told)
    return Pipeline([polish, archive, polish, crew("send", "{text} {sender}")])


@sound(HARMLESS)
def crew_with_an_input_model_and_hooks():
    agent = Agent(role="Clerk")
    task = Task(description="On {text} for {who}", output_pydantic=Topic)
    desk = Crew(
        name="desk",
        agents=[agent],
        tasks=[task],
        llm="offline",
        before_kickoff=lambda inputs: {**inputs, "who": inputs["sender"].title()},
    )
    return Pipeline([desk, reply], inputs=Mail)


@sound({"mail": Mail(text="a", sender="b")}, {"mail": {"text": "a", "sender": "b"}})
def a_model_as_one_key():
    @step
    def read(mail: Mail) -> Mail:
        return mail

    @step
    def answer(inputs: Mail) -> str:
        return inputs.text

    return Pipeline([read, [answer, tidy], reply])


@sound(HARMLESS)
def models_that_are_not_of_the_module():
    class Local(BaseModel):
        topic: str

    @step
    def name_it(text: str) -> Local:
        return Local(topic=text)

    return Pipeline([name_it, reply, thank], inputs=Mail)


@sound(HARMLESS, SMOKE)
def routes_in_a_branch_that_end_apart():
    router = Router({"bad": Route("urgency > 7", tidy)}, default=archive)
    return Pipeline([classify, [Pipeline([router, thank]), call], crew("write", "{call} {sender}")], inputs=Mail)


@sound({"n": 3}, {"n": 5}, {"n": 50})
def numeric_routes_without_a_gap():
    @step
    def show(n: int) -> str:
        return str(n)

    router = Router({"few": Route("0 <= n < 5", show), "some": Route("5 <= n < 20", show)}, default=show)
    return Pipeline([router])


@sound({"ratio": 0.25})
def fractions_between_two_routes_that_meet():
    @step
    def show(ratio: float) -> str:
        return str(ratio)

    router = Router({"low": Route("ratio < 0.5", show), "high": Route("ratio >= 0.5", show)}, default=show)
    return Pipeline([router])


@sound({"name": "Ada", "tags": ["new"]}, {"name": "", "tags": []})
def conditions_on_texts_and_lists():
    @step
    def show(name: str) -> str:
        return name

    conditions = {
        "empty": "name == '' or len(tags) == 0",
        "new": "'new' in tags and lower(tags[0]) == 'new'",
        "long": "len(name) * 2 + 1 > 10 and name not in ['root', 'admin']",
    }
    return Pipeline([Router({key: Route(text, show) for key, text in conditions.items()}, default=show)], inputs=Named)


class Named(BaseModel):
    name: str
    tags: list[str]


@pytest.mark.parametrize("row", rows(SOUND))
def test_a_correct_pipeline_is_left_in_peace(row: Sound):
    """There is no error and no warning, with one row or another it runs to its end, and so says the checker."""
    pipeline = row.build()
    findings = pipeline.check()
    assert not [*findings.errors, *findings.warnings]
    result = pipeline.kickoff(list(row.inputs))
    assert {run.index for run in result} == set(range(len(row.inputs)))
    assert all(run.ok for run in result)


# --- all of it at once --------------------------------------------------------------------------------------------


def sendr() -> Crew:
    """A crew with a misspelt placeholder."""
    return crew("write", "To {sendr}.")


@step
def listing(urgency: list[str]) -> str: ...


SEVERAL = {
    "a placeholder and another": (lambda: Pipeline([crew("a", "{nix}"), sendr(), thank], inputs=Mail), ["CG301"] * 2),
    "a placeholder and a type": (lambda: Pipeline([rate, listing, sendr(), thank], inputs=Mail), ["CG301", "CG303"]),
    "a key that one route gives and a placeholder": (
        lambda: Pipeline(
            [classify, Router({"bad": Route("urgency > 7", tidy)}, default=thank), crew("x", "{topic}"), sendr()],
            inputs=Mail,
        ),
        ["CG301", "CG302"],
    ),
    "a branch each": (lambda: Pipeline([rate, [sendr(), listing, thank]], inputs=Mail), ["CG301", "CG303"]),
    "the key of a condition, and what stands behind": (
        lambda: Pipeline([rate, routes(high="urgence > 7"), sendr(), listing, thank], inputs=Mail),
        ["CG301", "CG303", "CG401"],
    ),
    "the key of a condition, and what stands on its route": (
        lambda: Pipeline([rate, Router({"high": Route("urgence > 7", sendr())}, default=thank)], inputs=Mail),
        ["CG301", "CG401"],
    ),
    "the key of a condition, and what stands on the default": (
        lambda: Pipeline([rate, Router({"high": Route("urgence > 7", thank)}, default=sendr())], inputs=Mail),
        ["CG301", "CG401"],
    ),
    "the type of a condition, and what stands behind": (
        lambda: Pipeline([rate, routes(high="len(urgency) > 7"), sendr(), listing, thank], inputs=Mail),
        ["CG301", "CG303", "CG406"],
    ),
}


@pytest.mark.parametrize("name", SEVERAL)
def test_one_mistake_does_not_hide_another(name: str):
    """All errors are found in one pass."""
    build, codes = SEVERAL[name]
    assert sorted(error.code for error in build().check().errors) == codes


def test_a_witness_is_a_run_that_fails():
    """Its inputs get past the check of the inputs, and the run fails where it is said; here with declared inputs."""

    def build(*ignore: Ignore) -> Pipeline:
        router = Router({"bad": Route("text == 'x'", archive)}, default=tidy)
        return Pipeline([router, crew("write", "{topic} to {sender}")], inputs=Mail, ignore=ignore)

    (error,) = build().check().errors
    run = build(Ignore("CG302", "to see it fail")).kickoff(error.witness.inputs, on_error="collect")[0]
    assert [span.node for span in run.spans if span.error] == [error.witness.node] == ["write"]


def test_a_witness_brings_what_the_inputs_must_bring():
    """Also where the inputs are not declared."""

    @step
    def guess(text: str) -> Words: ...

    pipeline = Pipeline([guess, call])
    (error,) = pipeline.check().errors
    assert set(pipeline.inputs.required) <= set(error.witness.inputs)


def test_findings_of_a_kind_stand_in_the_order_of_the_text():
    """Errors first, and each of them where a reader comes by."""
    codes = Pipeline([crew("one", "{nix}"), crew("two", "{nox}"), crew("three", "{nux}")], inputs=Mail).check()
    assert [finding.node for finding in codes.errors] == ["one", "two", "three"]


def test_findings_stand_in_the_order_of_the_text():
    """A type at stage 2 before a placeholder at stage 3."""
    findings = Pipeline([rate, listing, sendr(), thank], inputs=Mail).check()
    assert [finding.node for finding in findings.errors] == ["listing", "write"]
