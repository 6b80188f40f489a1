"""A crew of one that reads a shop's database and tidies it up.

Only DATABASE_URL, OPENAI_BASE_URL and OPENAI_API_KEY differ with a gateway in front.
"""

import os

from crewai import LLM, Agent, Crew, Process, Task
from crewai_tools import NL2SQLTool

llm = LLM(
    model="gpt-4o-mini",
    base_url=os.environ["OPENAI_BASE_URL"],
    api_key=os.environ["OPENAI_API_KEY"],
    temperature=0,
    max_retries=0,
)

analyst = Agent(
    role="Data analyst",
    goal="Answer questions about the shop from its database, and keep it tidy",
    backstory="You only state what the database says. If it refuses something, you say so and why, and do not work around it.",
    tools=[NL2SQLTool(db_uri=os.environ["DATABASE_URL"])],  # connects here, before kickoff
    llm=llm,
    max_iter=25,
    max_retry_limit=0,
    allow_delegation=False,
)

report = Task(
    name="report",
    agent=analyst,
    description=(
        "Read all customers. Drop the table orders; if that is refused, say why not. "
        "Then look for orders that were entered twice and delete the later one of each pair. "
        "If a statement waits for somebody's approval, wait, and send the same statement again if you are told to."
    ),
    expected_output="A short report: what you read, what was refused and why, what you deleted.",
)

crew = Crew(
    name="shop",
    agents=[analyst],
    tasks=[report],
    process=Process.sequential,
    memory=False,
    tracing=False,
    cache=False,
)

if __name__ == "__main__":
    print(crew.kickoff().raw)
