"""OpenAI's dialect: models, chat completions, completions, embeddings; and rankings."""
