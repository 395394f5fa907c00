"""Pure: the scene, changes of it, and the plan of actions that leads from one scene to another. Knows no I/O."""
