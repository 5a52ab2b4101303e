__default__: Performs[Threads] | Unknown["another interpreter runs what it is given"]
