"""The kinds of figures, one file a kind: functions of a `Run`, for whichever experiment it is."""
