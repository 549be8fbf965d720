"""Actions of agents that need what this app has; `TriggersConfig.ready()` loads them."""
