"""What the sink decides by, each part of one purpose:

    account.py     one ad account: what waits, how many requests it may have under way, pauses, its hold
    turns.py       whose turn it is among accounts with waiting batches
    permits.py     requests under way, and what is kept for batches past the hour
    pace.py        a fixed cap on an account's requests
    tempo.py       which accounts' requests take far longer than the others'
    breaker.py     is the API as a whole there?
    bisection.py   the search for the culprits of a request that was refused as a whole
    freshness.py   which events still count as web and app conversions, and which might count twice

All of it is pure: time is given, and nothing is sent from here.
"""
