"""BERT and its relatives: models that embed texts or score pairs of them, and write none."""

from spark_engine.catalog.families.family import Family

FAMILY = Family(
    name="bert",
    title="BERT",
    words=("bert", "minilm", "bge", "e5"),
    architectures=frozenset(
        f"{kind}{head}"
        for kind in ("Bert", "Roberta", "XLMRoberta", "DistilBert", "MPNet")
        for head in ("Model", "ForMaskedLM", "ForSequenceClassification")
    )
    | {"bert", "nomic-bert"},
    system_role=False,
)
