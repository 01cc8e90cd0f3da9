"""The treasury: public money from the budget law to the payee, and books that cannot be out of
balance.

A **treasury** is one ministry of finance. Its money lies in one account, which nobody signs for:
the rules of this service alone pay out of it. The legislature **appropriates** money to a
**fund**; the budget office **apportions** the fund; an agency **allots** that to **lines** and
obliges itself against a line by an **award**. What is delivered is certified and paid. At every
step what was promised, delivered and paid stays within what the step above allowed: who would
exceed it is refused. Every step posts to the fund's ledger accounts in pairs, so that debits equal
credits after every act, and a month is closed by comparing.
"""
