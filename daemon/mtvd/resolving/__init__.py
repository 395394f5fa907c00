"""Steps of a request made into changes that need nothing more. Never draws and never changes the scene."""
