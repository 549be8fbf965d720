"""What the demo company is made of: a form, six agents with their triggers, and a few people and deals."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

FRESH = "a fresh one"  # in its place stands a secret of this installation's own

FORM: dict[str, Any] = {
    "name": "Talk to us",
    "description": "Tell us what you are looking for. Somebody – or something – answers at once.",
    "thank_you": "Thank you! A welcome message is on its way.",
    "fields": [
        {"name": "name", "label": "Your name", "type": "text", "required": True},
        {"name": "email", "label": "E-mail", "type": "email", "required": True},
        {"name": "company", "label": "Company", "type": "text", "required": False},
        {
            "name": "interest",
            "label": "What are you interested in?",
            "type": "select",
            "required": False,
            "options": ["A demo", "Prices", "A partnership", "Something else"],
        },
        {"name": "message", "label": "Message", "type": "textarea", "required": False},
    ],
}

AGENTS: list[dict[str, Any]] = [
    {
        "name": "Welcome a new contact",
        "description": "Greets every new contact by e-mail, and writes down that it did.",
        "steps": [
            {
                "action": "create_note",
                "params": {
                    "text": "New contact: @contact.first_name @contact.last_name, @contact.email. Welcomed by e-mail."
                },
            },
            {
                "action": "send_email",
                "params": {
                    "to": "@contact.email",
                    "subject": "Welcome, @contact.first_name!",
                    "body": "Hello @contact.first_name,\n\nthank you for getting in touch. "
                    "Somebody will call you soon.\n\nYour Demo Company",
                },
            },
            {
                "action": "notify",
                "params": {"message": "@contact.first_name @contact.last_name has been welcomed."},
            },
        ],
        "trigger": {"trigger_type": "event", "config": {"event_type": "contact_created"}},
    },
    {
        "name": "VIP alert",
        "description": "Tells everybody when a deal above 10,000 is won, and sees to a thank-you call.",
        "steps": [
            {
                "action": "notify",
                "params": {
                    "message": "@deal.name is won: @deal.value @deal.currency!",
                    "level": "success",
                },
            },
            {
                "action": "create_task",
                "params": {"title": "Thank the people behind @deal.name", "due_in_days": 1},
            },
            {
                "action": "send_email",
                "params": {
                    "to": "sales@demo.example",
                    "subject": "Won: @deal.name",
                    "body": "@deal.name moved from @event.previous_stage to @event.new_stage.\n"
                    "Value: @deal.value @deal.currency\n",
                },
            },
        ],
        "trigger": {
            "trigger_type": "event",
            "config": {"event_type": "deal_stage_updated"},
            "conditions": [
                {"field": "deal.value", "operator": "greater_than", "value": 10000},
                {"field": "new_stage", "operator": "equals", "value": "Closed Won"},
            ],
        },
    },
    {
        "name": "Follow up form leads",
        "description": "Makes sure that nobody who fills in the form is forgotten.",
        "steps": [
            {
                "action": "create_task",
                "params": {"title": "Call @contact.first_name back", "due_in_days": 1},
            },
            {
                "action": "create_note",
                "params": {"text": "Came in through the form @form.name: @form.fields.message"},
            },
        ],
        "trigger": {"trigger_type": "event", "config": {"event_type": "form_submitted"}},
    },
    {
        "name": "Read form messages (offline rules)",
        "description": "Shows how an agent with a language model works, without one: offline:rules follows fixed "
        "rules and says so. Give it a model of yours, such as openai:gpt-5.6, and it thinks.",
        "model": "offline:rules",
        "instructions": "Read what @contact.first_name wrote in the form @form.name.\n"
        "Decide what it is about:\n"
        "a_demo: somebody wants to see the product\n"
        "prices: somebody asks what it costs, for an offer or a quote\n"
        "a_partnership: somebody wants to work with us\n"
        "something_else: all the rest\n"
        "Write a short note for the sales team, then answer with the topic and one sentence.",
        "tools": ["create_note"],
        "output_schema": {
            "type": "object",
            "properties": {
                "topic": {
                    "type": "string",
                    "enum": ["a_demo", "prices", "a_partnership", "something_else"],
                },
                "summary": {"type": "string", "maxLength": 300},
            },
            "required": ["topic", "summary"],
            "additionalProperties": False,
        },
        "trigger": {"trigger_type": "event", "config": {"event_type": "form_submitted"}},
    },
    {
        "name": "Good morning",
        "description": "Wishes everybody a good day, on working days at nine.",
        "steps": [
            {
                "action": "notify",
                "params": {
                    "message": "Good morning! It is @event.schedule.weekday_name, @event.schedule.date."
                },
            },
        ],
        "trigger": {
            "trigger_type": "cron",
            "config": {"cron_expression": "0 9 * * MON-FRI", "timezone": "UTC"},
        },
    },
    {
        "name": "Orders of the shop",
        "description": "Tells everybody when another system reports an order. Try Send test on its trigger's page.",
        "steps": [
            {
                "action": "notify",
                "params": {
                    "message": "Order @event.request.body.order.id: @event.request.body.order.total.",
                    "level": "success",
                },
            },
        ],
        "trigger": {
            "trigger_type": "webhook",
            "config": {"webhook_type": "generic", "webhook_config": {"secret": FRESH}},
        },
    },
]

# (first name, last name, e-mail, company, title)
CONTACTS: list[tuple[str, str, str, str, str]] = [
    ("Grace", "Hopper", "grace@harbour.example", "Harbour Freight Lines", "CTO"),
    ("Jorge", "Amado", "jorge@bahia.example", "Bahia Coffee", "Owner"),
    ("Mei", "Tanaka", "mei@lantern.example", "Lantern Studio", "Director"),
    ("Noor", "Haddad", "noor@cedar.example", "Cedar Clinics", "Head of Operations"),
]

# (name, value, stage, e-mail of the contact, days until the close date)
DEALS: list[tuple[str, Decimal, str, str, int]] = [
    ("Fleet tracking for 40 ships", Decimal(48000), "Negotiation", "grace@harbour.example", 14),
    ("Subscription boxes", Decimal(2400), "Proposal", "jorge@bahia.example", 30),
    ("Rebranding", Decimal(15000), "Qualified", "mei@lantern.example", 45),
    ("Appointment reminders", Decimal(9800), "Lead", "noor@cedar.example", 60),
]
