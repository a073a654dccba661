"""Running a callable elsewhere, under limits that hold.

`base` is the protocol, `local` runs tasks in warm processes of this machine, `shared` hands them big data once,
`resources` says what the machine has, `checks` is the contract kit. Nothing heavy is imported here.
"""
