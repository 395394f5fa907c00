"""Roads to and from a running DS9: channel, answers, events, the user's hand, our agent in it. Never decides a plan.

The lane only finds a DS9 that the user runs and gives it the agent.
"""
