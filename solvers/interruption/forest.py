"""LightGBM's text format read into arrays, and a kernel that scores many rows at once.

The text is data from outside: nothing in it is run, every index is checked, its size is limited, so reading it ends.
Source: the format as LightGBM 4 writes it (``GBDT::SaveModelToString``, ``Tree::ToString``, read 2026-11).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from domain.errors import InputError
from solvers.interruption.contract import Contract, Floats, Matrix
from solvers.interruption.kernel import sum_trees

MAX_TREES = 2_000
MAX_LEAVES = 256
_CATEGORICAL, _DEFAULT_LEFT = 1, 2
_MISSING_NONE, _MISSING_NAN = 0, 2
_T = TypeVar("_T", int, float)

Int32 = NDArray[np.int32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Forest:
    """Trees as flat arrays. Children below 0 are leaves: ``~child`` counts the leaves of the tree.

    ``nan_left`` says where a missing value goes. ``first_node`` and ``first_leaf`` have one entry more than there are
    trees. Thresholds are rounded down to single precision, which compares as the double does with single values.
    """

    feature: Int32
    threshold: NDArray[np.float32]
    nan_left: NDArray[np.bool_]
    left: Int32
    right: Int32
    leaf: NDArray[np.float32]
    first_node: Int32
    first_leaf: Int32

    @property
    def trees(self) -> int:
        """Number of trees."""
        return self.first_node.size - 1

    def margins(self, rows: Matrix) -> Floats:
        """Sum of the leaves (log odds) of each row."""
        out = np.zeros(len(rows))
        sum_trees(
            np.ascontiguousarray(rows), self.feature, self.threshold, self.nan_left, self.left, self.right, self.leaf,
            self.first_node, self.first_leaf, out,
        )  # fmt: skip
        return out


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tree:
    feature: list[int]
    threshold: list[float]
    nan_left: list[bool]
    left: list[int]
    right: list[int]
    leaf: list[float]


def parse_forest(text: str, *, contract: Contract, of: str) -> Forest:
    """Read one LightGBM model.

    Raises
    ------
    InputError
        When it is no LightGBM text model of a binary objective over just the contract's features, or when a tree is
        damaged, too large, categorical or linear; the field is named.
    """
    head, *blocks = text.partition("\nend of trees")[0].split("\nTree=")
    _check_head(_fields(head, of), contract, of)
    if not 0 < len(blocks) <= MAX_TREES:
        raise InputError(of, "Tree", f"there are {len(blocks)} trees; 1 to {MAX_TREES} are taken")
    return _flat([_tree(block, contract, f"{of}, tree {at}") for at, block in enumerate(blocks)])


def _fields(block: str, of: str) -> dict[str, str]:
    lines = [line.partition("=") for line in block.splitlines() if "=" in line]
    fields = {key: value for key, _, value in lines}
    if len(fields) != len(lines):
        raise InputError(of, "", "names a field twice")
    return fields


def _check_head(fields: Mapping[str, str], contract: Contract, of: str) -> None:
    if "feature_names" not in fields:
        raise InputError(of, "feature_names", "is missing: this is no LightGBM text model")
    contract.check_names(fields["feature_names"].split(" "), of=of)
    objective = fields.get("objective", "")
    if objective.split(" ") != ["binary", "sigmoid:1"]:
        raise InputError(of, "objective", f"is {objective or 'missing'!r}; binary with sigmoid:1 is taken")
    for field, wanted in (("num_class", "1"), ("num_tree_per_iteration", "1")):
        if fields.get(field) != wanted:
            raise InputError(of, field, f"must be {wanted}, not {fields.get(field)}")


def _tree(block: str, contract: Contract, of: str) -> _Tree:
    fields = _fields(block, of)
    if fields.get("num_cat", "0") != "0" or fields.get("is_linear", "0") != "0":
        raise InputError(of, "num_cat" if fields.get("num_cat", "0") != "0" else "is_linear", "must be 0")
    (leaves,) = _numbers(fields, "num_leaves", 1, int, of)
    if not 1 <= leaves <= MAX_LEAVES:
        raise InputError(of, "num_leaves", f"is {leaves}; 1 to {MAX_LEAVES} are taken")
    nodes = leaves - 1
    ways = [_way(kind, of) for kind in _numbers(fields, "decision_type", nodes, int, of)]
    threshold = _numbers(fields, "threshold", nodes, float, of)
    tree = _Tree(
        feature=_numbers(fields, "split_feature", nodes, int, of),
        threshold=threshold,
        # Without missing values in training, LightGBM takes NaN for 0.
        nan_left=[left if left is not None else limit >= 0 for left, limit in zip(ways, threshold, strict=True)],
        left=_numbers(fields, "left_child", nodes, int, of),
        right=_numbers(fields, "right_child", nodes, int, of),
        leaf=_numbers(fields, "leaf_value", leaves, float, of),
    )
    _check_shape(tree, contract, of)
    return tree


def _way(decision: int, of: str) -> bool | None:
    """Where NaN goes: left, right, or with 0."""
    missing = decision >> 2 & 3
    if decision & _CATEGORICAL or missing not in (_MISSING_NONE, _MISSING_NAN):
        raise InputError(of, "decision_type", f"is {decision}; numbers with NaN for missing are taken")
    return bool(decision & _DEFAULT_LEFT) if missing == _MISSING_NAN else None


def _numbers(fields: Mapping[str, str], name: str, count: int, kind: Callable[[str], _T], of: str) -> list[_T]:
    try:
        found = [kind(word) for word in fields.get(name, "").split()]
    except ValueError as err:
        raise InputError(of, name, f"holds something that is no number: {err}") from err
    if len(found) != count:
        raise InputError(of, name, f"holds {len(found)} numbers where {count} are due")
    bad = np.isnan if name == "threshold" else _not_finite
    if bad(np.array(found, dtype=np.float64)).any():
        raise InputError(of, name, "holds a number that is not finite")
    return found


def _not_finite(numbers: Floats) -> NDArray[np.bool_]:
    return ~np.isfinite(numbers)


def _check_shape(tree: _Tree, contract: Contract, of: str) -> None:
    """Every node and leaf has one parent, and parents come first: walking down always ends."""
    if any(not 0 <= feature < len(contract.features) for feature in tree.feature):
        raise InputError(of, "split_feature", "names a feature beyond those of the contract")
    children = [child for pair in zip(tree.left, tree.right, strict=True) for child in pair]
    if sorted(children) != [*range(-len(tree.leaf), 0), *range(1, len(tree.left))] and tree.left:
        raise InputError(of, "left_child", "and right_child are no tree")
    if any(0 <= child <= at // 2 for at, child in enumerate(children)):
        raise InputError(of, "left_child", "or right_child comes before its parent")


def _flat(trees: list[_Tree]) -> Forest:
    threshold = np.array([limit for tree in trees for limit in tree.threshold], dtype=np.float64)
    with np.errstate(over="ignore"):  # an infinite threshold parts NaN from all else
        single = threshold.astype(np.float32)
    single = np.where(single > threshold, np.nextafter(single, np.float32(-np.inf)), single)
    return Forest(
        feature=np.array([at for tree in trees for at in tree.feature], dtype=np.int32),
        threshold=single,
        nan_left=np.array([left for tree in trees for left in tree.nan_left], dtype=np.bool_),
        left=np.array([child for tree in trees for child in tree.left], dtype=np.int32),
        right=np.array([child for tree in trees for child in tree.right], dtype=np.int32),
        leaf=np.array([value for tree in trees for value in tree.leaf], dtype=np.float32),
        first_node=np.cumsum([0, *(len(tree.left) for tree in trees)], dtype=np.int32),
        first_leaf=np.cumsum([0, *(len(tree.leaf) for tree in trees)], dtype=np.int32),
    )
