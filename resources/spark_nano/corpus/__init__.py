"""The training texts of spark-nano: guide facts as data, skills and tool calls as generators."""
