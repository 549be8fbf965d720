"""Actions of agents that need what this app has; `ExecutionsConfig.ready()` loads them."""
