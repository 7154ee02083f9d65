"""How the bundled starter models are made: text from templates, training, export, evaluation. Development only."""
