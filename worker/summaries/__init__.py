"""What makes a summary: prompts, sections, and the checks that an answer goes through."""
