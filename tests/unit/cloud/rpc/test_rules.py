"""Every call has a rule."""

import pkgutil
from importlib import import_module

from google.protobuf.descriptor import FileDescriptor
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

import atp.v1
from cloud.rpc.rules import RULES, CallerKind


def methods(file: FileDescriptor) -> set[str]:
    services = file.services_by_name.values()
    return {f"/{service.full_name}/{method.name}" for service in services for method in service.methods}


def contract() -> set[str]:
    """All methods of all services of atp.v1."""
    modules = [name for _, name, _ in pkgutil.iter_modules(atp.v1.__path__) if name.endswith("_pb2")]
    return set().union(*(methods(import_module(f"atp.v1.{name}").DESCRIPTOR) for name in modules))


def test_every_method_of_the_contract_has_a_rule_and_no_rule_lacks_its_method() -> None:
    """A call that someone adds without a rule fails here, and is refused to everyone there."""
    beside = methods(health_pb2.DESCRIPTOR) | methods(reflection_pb2.DESCRIPTOR)
    assert contract() | beside == set(RULES)


def test_only_enrolment_is_open_to_anyone() -> None:
    anyone = {method for method, kind in RULES.items() if kind is CallerKind.ANYONE and method.startswith("/atp.")}
    assert {method.split("/")[1] for method in anyone} == {"atp.v1.EnrollmentService"}
