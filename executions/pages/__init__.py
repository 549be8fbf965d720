"""The pages that people look at: server-rendered, kept fresh by `static/live.js`, no reload needed."""
