"""Random declarations, and random changes of them: what a colleague might do to inference.yaml in a pull request.

Pure: a generator of random numbers goes in, a program comes out. Nothing here runs anything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

from tests.faults.programs import (
    EMPTY_PATHS,
    INSTANCES,
    KEYS,
    PATHS,
    PREFIXES,
    SECOND_ZONE,
    ZONE,
    Bucket,
    Claim,
    Declared,
    Deployment,
    Gateway,
    Program,
)

MOST = {"gateways": 2, "claims": 1, "deployments": 2, "buckets": 1}
"""Objects of a kind in one program: small, so that a round is quick."""


def first(random: Random) -> Program:
    """A gateway and a deployment, perhaps with a claim, perhaps with one more bucket."""
    program = _with_deployment(random, _with_gateway(random, Program(prefixes=random.choice(PREFIXES))))
    program = _with_bucket(random, program) if random.random() < 0.3 else program
    return _with_claim(random, program) if random.random() < 0.5 else program


def changed(random: Random, program: Program, *, may_fail: bool) -> tuple[Program, str]:
    """The program after one to three changes, and their names; `may_fail` allows changes that no run can carry out."""
    names = []
    for _ in range(random.choice((1, 1, 2, 3))):
        possible = [change for change in CHANGES if may_fail or change is not starve]
        for change in random.sample(possible, len(possible)):
            found = change(random, program)
            if found is not None:
                program = found
                names.append(change.__name__.replace("_", " "))
                break
    return program, ", ".join(names)


def fixed(random: Random, program: Program) -> Program:
    """The program with weights for every deployment."""
    for key, item in program.deployments.items():
        if item.path in EMPTY_PATHS:
            program = program.with_object("deployments", key, replace(item, path=random.choice(PATHS)))
    return program


def add(random: Random, program: Program) -> Program | None:
    """One more object."""
    kinds = (_add_gateway, _add_claim, _add_deployment, _add_bucket)
    ways = [way for way in kinds if way(random, program) is not None]
    return random.choice(ways)(random, program) if ways else None


def remove(random: Random, program: Program) -> Program | None:
    """One object less; deployments leave a gateway that goes, and go with the last one."""
    objects = sorted(program.objects())
    if not objects:
        return None
    kind, key = random.choice(objects)
    without = program.with_object(kind, key, None)
    if kind != "gateways":
        return without
    for name, item in program.deployments.items():
        left = (
            tuple(gateway for gateway in item.gateways if gateway != key)
            or tuple(sorted(without.gateways))[:1]
        )
        without = without.with_object("deployments", name, replace(item, gateways=left) if left else None)
    return without


def change(random: Random, program: Program) -> Program | None:
    """A field that is changed in place."""
    objects = sorted(program.objects().items(), key=lambda found: found[0])
    if not objects:
        return None
    (kind, key), item = random.choice(objects)
    return program.with_object(kind, key, _changed_in_place(random, item, tuple(sorted(program.gateways))))


def _changed_in_place(random: Random, item: Declared, gateways: tuple[str, ...]) -> Declared:
    if isinstance(item, Gateway):
        return replace(item, zones=(ZONE,) if len(item.zones) > 1 else (ZONE, SECOND_ZONE))
    if isinstance(item, Claim):
        return replace(item, count=item.count % 3 + 1)
    if isinstance(item, Bucket):
        other = "" if item.team else "serving"
        return random.choice((replace(item, team=other), replace(item, served=not item.served)))
    return random.choice(
        (
            replace(item, path=random.choice(PATHS)),
            replace(item, most=item.most % 4 + 1),
            replace(item, length=0 if item.length else 4096),
            replace(item, gateways=tuple(random.sample(gateways, random.randint(1, len(gateways))))),
        )
    )


def rename_key(random: Random, program: Program) -> Program | None:
    """Another key in the declaration and no alias: one object goes, another comes."""
    return _renamed(random, program, alias=False)


def rename_with_alias(random: Random, program: Program) -> Program | None:
    """Another key with the former one as alias: the object stays."""
    return _renamed(random, program, alias=True)


def _renamed(random: Random, program: Program, *, alias: bool) -> Program | None:
    # Without an alias an explicit name would be wanted by two objects at once, which is refused.
    objects = sorted(found for found, item in program.objects().items() if alias or not item.name)
    if not objects:
        return None
    kind, key = random.choice(objects)
    item = getattr(program, kind)[key]
    other = _free_key(random, program, kind)
    aliases = (*item.aliases, key) if alias else ()
    result = program.with_object(kind, key, None).with_object(kind, other, replace(item, aliases=aliases))
    result = replace(result, retired=result.retired | set(aliases))
    if kind == "gateways":
        for name, user in result.deployments.items():
            gateways = tuple(other if gateway == key else gateway for gateway in user.gateways)
            result = result.with_object("deployments", name, replace(user, gateways=gateways))
    return result


def replace_object(random: Random, program: Program) -> Program | None:
    """A field that replaces the object: a claim's instance type, the name of all others."""
    objects = sorted(program.objects().items(), key=lambda found: found[0])
    if not objects:
        return None
    (kind, key), item = random.choice(objects)
    if isinstance(item, Claim):
        other = INSTANCES[1] if item.instance == INSTANCES[0] else INSTANCES[0]
        return program.with_object(kind, key, replace(item, instance=other))
    if isinstance(item, Bucket):
        return program.with_object(kind, key, replace(item, name=_bucket_name(random)))
    name = "" if item.name and key not in program.retired else _free_name(random, program, kind)
    return program.with_object(kind, key, replace(item, name=name))


def reweight(random: Random, program: Program) -> Program | None:
    """Other traffic weights."""
    for key, item in program.deployments.items():
        program = program.with_object("deployments", key, replace(item, weight=random.randint(1, 1000)))
    return program if program.deployments else None


def disable(random: Random, program: Program) -> Program | None:
    """A deployment is disabled, or enabled again."""
    if not program.deployments:
        return None
    key = random.choice(sorted(program.deployments))
    item = program.deployments[key]
    return program.with_object("deployments", key, replace(item, disabled=not item.disabled))


def starve(random: Random, program: Program) -> Program | None:
    """A path under which there are no weights."""
    if not program.deployments:
        return None
    key = random.choice(sorted(program.deployments))
    item = replace(program.deployments[key], path=random.choice(EMPTY_PATHS))
    return program.with_object("deployments", key, item)


def other_prefixes(random: Random, program: Program) -> Program | None:
    """Another statement in the bucket's policy."""
    return replace(
        program, prefixes=random.choice([found for found in PREFIXES if found != program.prefixes])
    )


Change = Callable[[Random, Program], Program | None]
CHANGES: tuple[Change, ...] = (
    add,
    add,
    remove,
    change,
    change,
    rename_key,
    rename_with_alias,
    replace_object,
    reweight,
    disable,
    starve,
    other_prefixes,
)


def _free_key(random: Random, program: Program, kind: str) -> str:
    """A key that no object has or had."""
    taken = {*getattr(program, kind), *program.retired}
    while (key := f"{random.choice(KEYS[kind])}{random.randint(1, 99)}") in taken:
        continue
    return key


def _free_name(random: Random, program: Program, kind: str) -> str:
    """A name that no other object declares; two of one name would be refused."""
    taken = {item.name for item in getattr(program, kind).values()}
    while (name := f"{_free_key(random, program, kind)}-own") in taken:
        continue
    return name


def _add_gateway(random: Random, program: Program) -> Program | None:
    return None if len(program.gateways) >= MOST["gateways"] else _with_gateway(random, program)


def _add_claim(random: Random, program: Program) -> Program | None:
    return None if len(program.claims) >= MOST["claims"] else _with_claim(random, program)


def _add_deployment(random: Random, program: Program) -> Program | None:
    full = not program.gateways or len(program.deployments) >= MOST["deployments"]
    return None if full else _with_deployment(random, program)


def _add_bucket(random: Random, program: Program) -> Program | None:
    return None if len(program.buckets) >= MOST["buckets"] else _with_bucket(random, program)


def _with_bucket(random: Random, program: Program) -> Program:
    item = Bucket(_bucket_name(random), served=random.random() < 0.5)
    return program.with_object("buckets", _free_key(random, program, "buckets"), item)


def _bucket_name(random: Random) -> str:
    return f"acme-spare-{random.randint(1, 99)}"


def _with_gateway(random: Random, program: Program) -> Program:
    return program.with_object("gateways", _free_key(random, program, "gateways"), Gateway())


def _with_claim(random: Random, program: Program) -> Program:
    claim = Claim(random.choice(INSTANCES), random.randint(1, 2))
    return program.with_object("claims", _free_key(random, program, "claims"), claim)


def _with_deployment(random: Random, program: Program) -> Program:
    gateway = random.choice(sorted(program.gateways))
    item = Deployment((gateway,), random.choice(PATHS), random.randint(1, 1000))
    return program.with_object("deployments", _free_key(random, program, "deployments"), item)
