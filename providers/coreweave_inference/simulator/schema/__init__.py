"""The API's schema: its messages, their JSON form, and the rules that each field must satisfy.

Pure: no world, no clock, no HTTP. What depends on live objects or on the catalogue is not a schema rule.
"""
