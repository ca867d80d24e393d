"""Plans carried out: each as a durable saga, its every step recorded before it is asked.

Pure inside (`saga`: events in, commands out), a runner around it that stores and asks. What it holds to
-------------------------------------------------------------------------------------------------------
- Make before break: a node is cordoned only when its replacement has joined and is ready.
- A step is recorded before it is asked, and asked with a token that makes it happen once. After a crash whatever was
  recorded is looked up at AWS and in the cluster before it is asked again.
- What is done is seen: an instance counts as launched when EC2 says so, as joined when its node is ready, a node as
  empty when a look after the drain finds no pod.
- Once its instance was asked to end, a removal goes forward; before that it goes back: the node is uncordoned, its
  replacement emptied and ended. What can be neither is told, with what still runs.
- Nothing is changed without a permit, asked directly before the change.
"""
