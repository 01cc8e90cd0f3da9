"""Casework: licences, grievances, appeals, whatever takes more than one step (K7).

A ministry publishes a flow; people open cases of it; whoever the flow names moves them, and silence
does where the law says so. The rules are the kernel's (ledger/flows.py, ledger/cases.py); a new
procedure is a file, not a program: configs/flows/ has some.
"""
