"""GLOP, solved again and again as a model grows, read as arrays.

MathOpt's own incremental solver turns every answer into Python objects for each variable and its basis status, which
takes longer than the solve itself when thousands of columns are at zero. This reads the same answer as arrays.
"""

import numpy as np
from ortools.math_opt import callback_pb2, model_parameters_pb2, parameters_pb2
from ortools.math_opt.core.python import solver as core
from ortools.math_opt.python import mathopt

from domain.errors import InvariantError
from solvers.placement.packing import Floats

GLOP = mathopt.SolverType.GLOP.value


class Glop:
    """Optimum of a MathOpt model that changes between the solves. Lower bounds of rows and costs may change too."""

    def __init__(self, model: mathopt.Model) -> None:
        self._model = model
        self._changes = model.add_update_tracker()
        self._solver = self._fresh()
        self._parameters = parameters_pb2.SolveParametersProto()
        self._wanted = model_parameters_pb2.ModelSolveParametersProto()
        self._wanted.variable_values_filter.skip_zero_values = True
        self._wanted.reduced_costs_filter.filter_by_ids = True

    def solve(self, *, variables: int, rows: int) -> tuple[float, Floats, Floats]:
        """Cost, values (variables,) and duals (rows,), by id.

        Raises
        ------
        InvariantError
            When there is no optimum: the models posed here always have one.
        """
        update = self._changes.export_update()
        if update is not None:
            if not self._solver.update(update):
                self._solver = self._fresh()
            self._changes.advance_checkpoint()
        answer = self._solver.solve(
            self._parameters, self._wanted, None, callback_pb2.CallbackRegistrationProto(), None, None
        )
        if not answer.solutions:
            raise InvariantError(f"the master has no optimum: {answer.termination.detail or answer.termination.reason}")
        best = answer.solutions[0]
        primal, dual = best.primal_solution, best.dual_solution
        values, duals = np.zeros(variables), np.zeros(rows)
        values[np.fromiter(primal.variable_values.ids, np.int64)] = np.fromiter(primal.variable_values.values, float)
        duals[np.fromiter(dual.dual_values.ids, np.int64)] = np.fromiter(dual.dual_values.values, float)
        return float(primal.objective_value), values, duals

    def _fresh(self) -> core.Solver:
        return core.new(GLOP, self._model.export_model(), parameters_pb2.SolverInitializerProto())
