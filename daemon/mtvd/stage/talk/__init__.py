"""Roads to and from a running DS9: channel, answers, events, the user's hand, our agent in it. Never decides a plan."""
