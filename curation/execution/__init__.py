"""Running a list of stages: the guard, the local and the Ray executor, the shard writer, the plan."""
